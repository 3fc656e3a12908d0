"""The four apps through a real server, as a program uses them."""

import time
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from gradio_ui.demos.dashboard import SAMPLE
from tests.demos.model_server import model_server
from tests.servers import DEMO_PASSWORD, Site, SiteFactory


@cache
def headers_of(url: str, user: str) -> dict[str, str]:
    """One sign-in per person and site: their number per minute is limited."""
    answer = httpx.post(f"{url}/api/auth/login", json={"username": user, "password": DEMO_PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access']}"}


def client(site: Site, slug: str, user: str) -> Client:
    headers = headers_of(site.url, user)
    return Client(f"{site.url}/gradio/{slug}/", headers=headers, verbose=False)


def texts(history: list[Any]) -> list[str]:
    """Of a Chatbot's messages."""
    return ["".join(part["text"] for part in message["content"]) for message in history]


def open_sample(dashboard: Client) -> None:
    dashboard.predict(api_name="/open_sample")


class TestAssistant:
    def test_the_history_survives_sign_out_and_a_restart_and_is_the_user_s_own(
        self, live_server_factory: SiteFactory, tmp_path: Path
    ) -> None:
        site = live_server_factory(directory=tmp_path / "site")
        headers = site.sign_in("ada")
        ada = Client(f"{site.url}/gradio/assistant/", headers=headers, verbose=False)
        answer = ada.predict("How do I sign out everywhere?", api_name="/chat")
        assert "/accounts/sessions/" in answer
        assert httpx.post(f"{site.url}/api/auth/logout", headers=headers).status_code == 204
        site.stop()

        again = live_server_factory(directory=tmp_path / "site")
        history = client(again, "assistant", "ada").predict(api_name="/history")
        assert texts(history) == ["How do I sign out everywhere?", answer]
        assert client(again, "assistant", "bob").predict(api_name="/history") == []

    def test_clearing_deletes_the_history_for_good(self, live_site: Site) -> None:
        admin = client(live_site, "assistant", "admin")
        admin.predict("What is a ticket?", api_name="/chat")
        assert len(admin.predict(api_name="/history")) >= 2
        admin.predict(api_name="/clear")
        assert client(live_site, "assistant", "admin").predict(api_name="/history") == []

    def test_answers_are_streamed(self, live_site: Site) -> None:
        job = client(live_site, "assistant", "bob").submit("What can I store?", api_name="/chat")
        job.result(timeout=30)
        outputs = job.outputs()
        assert len(outputs) > 3
        assert all(b.startswith(a) for a, b in zip(outputs, outputs[1:], strict=False))

    def test_a_model_server_answers_with_the_conversation_in_mind(
        self, live_server_factory: SiteFactory
    ) -> None:
        with model_server() as model:
            env = {"ASSISTANT_BASE_URL": model.url, "ASSISTANT_MODEL": "tiny"}
            bob = client(live_server_factory(env=env), "assistant", "bob")
            assert bob.predict("one", api_name="/chat") == "Hello Wörld"
            assert bob.predict("two", api_name="/chat") == "Hello Wörld"
            model.mode = "unauthorized"
            assert "refused this server's API key" in bob.predict("three", api_name="/chat")
            sent = [m["content"] for m in model.requests[1]["messages"][1:]]
        assert sent == ["one", "Hello Wörld", "two"]


class TestDashboard:
    def test_the_table_and_the_choices_survive_a_restart(
        self, live_server_factory: SiteFactory, tmp_path: Path
    ) -> None:
        site = live_server_factory(directory=tmp_path / "site")
        headers = site.sign_in("ada")
        url = f"{site.url}/gradio/dashboard/"
        ada = Client(url, headers=headers, verbose=False)
        ada.predict(handle_file(SAMPLE), api_name="/open_file")
        choices = ("station", "is", "Harbour", "Line", "date", "rentals", "sum")
        drawn = ada.predict(*choices, api_name="/choose")
        assert "183 of 732 rows" in drawn[0]
        site.stop()

        live_server_factory(directory=tmp_path / "site", port=site.port)
        page = Client(url, headers=headers, verbose=False).predict(api_name="/show")
        shown = [value["value"] if isinstance(value, dict) else value for value in page[:7]]
        assert tuple(shown) == choices
        assert "183 of 732 rows" in page[8]

    def test_the_long_work_reports_its_progress(self, live_site: Site, tmp_path: Path) -> None:
        random = np.random.default_rng(0)
        numbers = pd.DataFrame(random.integers(0, 99, size=(10_000, 8))).add_prefix("column ")
        numbers.to_csv(tmp_path / "numbers.csv", index=False)
        ada = client(live_site, "dashboard", "ada")
        ada.predict(handle_file(tmp_path / "numbers.csv"), api_name="/open_file")
        job = ada.submit(api_name="/correlations")
        steps = set()
        while not job.done():
            steps |= {unit.index for unit in job.status().progress_data or []}
            time.sleep(0.01)
        assert len(job.result()["data"]) == 28  # pairs
        assert len(steps) > 3 and max(steps) <= 28

    def test_the_correlations_are_kept(self, live_site: Site) -> None:
        ada = client(live_site, "dashboard", "ada")
        open_sample(ada)
        found = ada.predict(api_name="/correlations")
        assert found["headers"][:3] == ["Column", "and", "r"]
        assert found["data"][0][:2] == ["rentals", "temperature"]
        assert ada.predict(api_name="/show")[7]["data"] == found["data"]

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "empty"),
            (b"PK\x03\x04 workbook", "Excel"),
            (b"<html>", "web page"),
            (b"a\n" + b"1234567890\n" * 200_000, "limit is 2 MB"),
        ],
        ids=["empty", "Excel", "HTML", "large"],
    )
    def test_a_bad_file_is_refused_and_what_was_open_stays(
        self, live_site: Site, tmp_path: Path, content: bytes, sentence: str
    ) -> None:
        path = tmp_path / "file.csv"
        path.write_bytes(content)
        ada = client(live_site, "dashboard", "ada")
        open_sample(ada)
        with pytest.raises(AppError, match=sentence):
            ada.predict(handle_file(path), api_name="/open_file")
        assert "bike_rentals.csv" in ada.predict(api_name="/show")[8]

    def test_a_filter_that_makes_no_sense_is_explained(self, live_site: Site) -> None:
        ada = client(live_site, "dashboard", "ada")
        open_sample(ada)
        with pytest.raises(AppError, match="needs a number"):
            ada.predict(
                "rentals", "at least", "many", "Bar", "station", "rentals", "mean",
                api_name="/choose",
            )  # fmt: skip

    def test_forget_removes_everything_from_the_session(self, live_site: Site) -> None:
        headers = live_site.sign_in("ada")
        url = f"{live_site.url}/gradio/dashboard/"
        ada = Client(url, headers=headers, verbose=False)
        open_sample(ada)
        assert "dashboard.table" in session_keys(live_site, headers)
        ada.predict(api_name="/forget")
        assert not [k for k in session_keys(live_site, headers) if k.startswith("dashboard.")]
        with pytest.raises(AppError, match="Open a CSV file first"):
            ada.predict(api_name="/correlations")

    def test_the_data_is_of_one_session_only(self, live_site: Site) -> None:
        open_sample(client(live_site, "dashboard", "ada"))
        others = client(live_site, "dashboard", "admin")
        assert "bike_rentals.csv" not in str(others.predict(api_name="/show"))
        with pytest.raises(AppError, match="Open a CSV file first"):
            others.predict(api_name="/correlations")

    def test_who_is_no_analyst_is_refused(self, live_site: Site) -> None:
        answer = httpx.get(
            f"{live_site.url}/gradio/dashboard/config", headers=live_site.sign_in("bob")
        )
        assert answer.status_code == 403


def session_keys(site: Site, headers: dict[str, str]) -> set[str]:
    account = Client(f"{site.url}/gradio/account/", headers=headers, verbose=False)
    return {row[0] for row in account.predict(api_name="/show")[1]["data"]}


class TestLiveSessions:
    def test_staff_see_every_session_by_its_short_id_only(self, live_site: Site) -> None:
        bob = live_site.sign_in("bob")
        whole = httpx.get(f"{live_site.url}/api/auth/me", headers=bob).json()["session_id"]
        rows, summary = client(live_site, "sessions", "admin").predict("", api_name="/list")
        by_id = {row[0]: row for row in rows["data"]}
        assert by_id[whole[:8]][1] == "bob"
        assert whole not in str(rows)
        assert "signed-in users" in summary
        mine = [row for row in rows["data"] if row[1].endswith("(you)")]
        assert len(mine) == 1 and mine[0][1] == "admin (you)"

    def test_search_narrows_the_list(self, live_site: Site) -> None:
        live_site.sign_in("bob")
        admin = client(live_site, "sessions", "admin")
        rows, summary = admin.predict("BOB", api_name="/list")
        assert {row[1] for row in rows["data"]} == {"bob"}
        assert "fit" in summary
        assert admin.predict("no such device", api_name="/list")[0]["data"] == []

    def test_ending_a_session_signs_its_owner_out_at_once(self, live_site: Site) -> None:
        bob = live_site.sign_in("bob")
        me = f"{live_site.url}/api/auth/me"
        short_id = httpx.get(me, headers=bob).json()["session_id"][:8]
        admin = client(live_site, "sessions", "admin")
        admin.predict(short_id, False, api_name="/end")
        assert httpx.get(me, headers=bob).status_code == 401
        with pytest.raises(AppError, match="no such session"):
            admin.predict(short_id, False, api_name="/end")

    def test_ending_one_s_own_session_takes_a_second_confirmation(self, live_site: Site) -> None:
        headers = live_site.sign_in("admin")
        me = f"{live_site.url}/api/auth/me"
        short_id = httpx.get(me, headers=headers).json()["session_id"][:8]
        admin = Client(f"{live_site.url}/gradio/sessions/", headers=headers, verbose=False)
        with pytest.raises(AppError, match="your own session"):
            admin.predict(short_id, False, api_name="/end")
        assert httpx.get(me, headers=headers).status_code == 200

    @pytest.mark.parametrize("short_id", ["", "a", "%", "????????", "x" * 300])
    def test_ids_that_name_no_session_end_none(self, live_site: Site, short_id: str) -> None:
        with pytest.raises(AppError):
            client(live_site, "sessions", "admin").predict(short_id, True, api_name="/end")

    def test_who_is_not_staff_is_refused(self, live_site: Site) -> None:
        for user in ("ada", "bob"):
            headers = live_site.sign_in(user)
            for path in ("config", "gradio_api/info"):
                answer = httpx.get(f"{live_site.url}/gradio/sessions/{path}", headers=headers)
                assert answer.status_code == 403


class TestAccount:
    def test_the_counter_lives_in_the_session(
        self, live_server_factory: SiteFactory, tmp_path: Path
    ) -> None:
        site = live_server_factory(directory=tmp_path / "site")
        headers = site.sign_in("bob")
        url = f"{site.url}/gradio/account/"
        for _ in range(2):
            Client(url, headers=headers, verbose=False).predict(api_name="/count")
        site.stop()
        live_server_factory("uvicorn", directory=tmp_path / "site", port=site.port)
        about, rows, _, counter, _ = Client(url, headers=headers, verbose=False).predict(
            api_name="/show"
        )
        assert "**2**" in counter
        assert "the database (sqlite3)" in about and "bob" in about
        assert ["account.counter", "int"] in [row[:2] for row in rows["data"]]

    def test_a_key_is_written_read_and_deleted(self, live_site: Site) -> None:
        headers = live_site.sign_in("bob")
        bob = Client(f"{live_site.url}/gradio/account/", headers=headers, verbose=False)
        bob.predict("notes", '{"colour": ["grün", 1.5]}', api_name="/put")
        assert bob.predict("notes", api_name="/pick") == '{"colour": ["grün", 1.5]}'
        bob.predict("notes", api_name="/delete")
        assert "notes" not in session_keys(live_site, headers)

    @pytest.mark.parametrize(
        ("key", "value", "sentence"),
        [
            ("", "1", "Give the key a name"),
            ("k" * 101, "1", "Give the key a name"),
            ("notes", "not json", "not JSON"),
            ("_auth_user_id", '"1"', "belongs to the framework"),
            ("account_authentication_methods", "[]", "belongs to the framework"),
            ("notes", '"' + "x" * 10_000 + '"', "longer than"),
        ],
    )
    def test_what_cannot_be_written_is_refused_in_a_sentence(
        self, live_site: Site, key: str, value: str, sentence: str
    ) -> None:
        with pytest.raises(AppError, match=sentence):
            client(live_site, "account", "bob").predict(key, value, api_name="/put")

    def test_secrets_and_the_sign_in_are_not_shown(self, live_site: Site) -> None:
        headers = live_site.sign_in("bob")
        bob = Client(f"{live_site.url}/gradio/account/", headers=headers, verbose=False)
        bob.predict("openai_api_key", '"sk-123456"', api_name="/put")
        about, rows, choices, *_ = bob.predict(api_name="/show")
        values = {row[0]: row[3] for row in rows["data"]}
        assert values["openai_api_key"] == "(hidden)"
        assert bob.predict("openai_api_key", api_name="/pick") == ""
        assert not [key for key in values if key.startswith("_")]
        token = headers["Authorization"].removeprefix("Bearer ")
        assert "sk-123456" not in f"{about}{rows}{choices}" and token not in f"{about}{rows}"
