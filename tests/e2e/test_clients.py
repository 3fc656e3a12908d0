"""A program with a token: gradio_client and plain HTTP."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from gradio_client.utils import Status

from tests.servers import SERVERS, ServerName, Site, SiteFactory, wait_for

TESTAPP = {"EXTRA_APPS": "tests.testapp"}


def client(site: Site, slug: str, headers: dict[str, str]) -> Client:
    return Client(f"{site.url}/gradio/{slug}/", headers=headers, verbose=False)


@pytest.mark.parametrize("server", SERVERS)
def test_a_session_keeps_its_data_over_a_restart(
    live_server_factory: SiteFactory, tmp_path: Path, server: ServerName
) -> None:
    site = live_server_factory(server, directory=tmp_path / "site", env=TESTAPP)
    headers = site.sign_in("ada")
    client(site, "probe", headers).predict("colour", "green", api_name="/remember")
    site.stop()

    again = live_server_factory(server, directory=tmp_path / "site", env=TESTAPP)
    assert client(again, "probe", headers).predict("colour", api_name="/recall") == "green"
    assert client(again, "probe", again.sign_in("bob")).predict("colour", api_name="/recall") == ""


def test_a_running_server_is_replaced_under_the_same_client(
    live_server_factory: SiteFactory, tmp_path: Path
) -> None:
    site = live_server_factory(directory=tmp_path / "site", env=TESTAPP)
    ada = client(site, "probe", site.sign_in("ada"))
    ada.predict("colour", "blue", api_name="/remember")
    site.stop()
    live_server_factory(directory=tmp_path / "site", env=TESTAPP, port=site.port)
    assert ada.predict("colour", api_name="/recall") == "blue"


def test_a_generator_streams_and_its_last_state_is_kept(live_site: Site) -> None:
    probe = client(live_site, "probe", live_site.sign_in("ada"))
    job = probe.submit(5, api_name="/count_up")
    assert job.result(timeout=20) == 5
    assert job.outputs() == [1, 2, 3, 4, 5]
    assert probe.predict("reached", api_name="/recall") == "5"


def test_a_queue_is_as_long_as_its_app_says_and_no_longer(live_site: Site) -> None:
    dressed = client(live_site, "dressed", live_site.sign_in("ada"))
    first = dressed.submit(3, api_name="/wait")
    wait_for(lambda: first.status().code == Status.PROCESSING)
    others = [dressed.submit(0, api_name="/wait") for _ in range(3)]
    ended = [job.exception(timeout=30) for job in others]
    refused = [str(error) for error in ended if error]
    assert refused == ["Queue is full! Please try again."] * 2
    assert first.result(timeout=30) == "waited"


def test_two_users_with_20_parallel_calls_each_never_meet(live_site: Site) -> None:
    users = ("ada", "bob")
    headers = {user: live_site.sign_in(user) for user in users}
    calls = [(user, f"{user}-{number}") for number in range(20) for user in users]
    # One for each call: gradio_client cancels a call that is made while the stream of the calls
    # before it is being closed, with bare Gradio too.
    probes = [client(live_site, "probe", headers[user]) for user, _ in calls]

    def one(call: tuple[str, str], probe: Client) -> dict[str, object]:
        answer: dict[str, object] = probe.predict(call[1], api_name="/mingle")
        return answer

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(one, calls, probes))
    for (user, token), answer in zip(calls, answers, strict=True):
        tokens = answer["tokens"]
        assert isinstance(tokens, list)
        assert answer["user"] == user
        assert token in tokens
        assert all(found.startswith(user) for found in tokens)
    # And not one of the parallel writes was lost.
    for user in users:
        last = client(live_site, "probe", headers[user]).predict(f"{user}-last", api_name="/mingle")
        assert len(last["tokens"]) == 21


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer broken"},
        {"Authorization": "Bearer a.b.c"},
        {"X-Session-Token": "\x7f"},
        {"Cookie": "session=nonsense"},
    ],
)
def test_without_a_good_ticket_there_is_401_or_the_login_page(
    live_site: Site, headers: dict[str, str]
) -> None:
    app = f"{live_site.url}/gradio/probe"
    assert httpx.get(f"{app}/config", headers=headers).status_code == 401
    join = httpx.post(f"{app}/gradio_api/queue/join", headers=headers, json={"data": []})
    assert join.status_code == 401
    assert join.headers["content-type"].startswith("application/problem+json")
    assert httpx.get(f"{live_site.url}/api/auth/me", headers=headers).status_code == 401
    navigation = httpx.get(f"{app}/", headers=headers | {"Accept": "text/html"})
    if "Authorization" in headers or "X-Session-Token" in headers:
        assert navigation.status_code in (302, 401)
    else:
        assert navigation.status_code == 302
        assert navigation.headers["location"].startswith("/accounts/login/?next=")


def test_an_unknown_app_is_404(live_site: Site) -> None:
    headers = live_site.sign_in("ada")
    assert httpx.get(f"{live_site.url}/gradio/no-such-app/", headers=headers).status_code == 404


def test_a_wrong_password_has_one_message_for_every_cause(live_site: Site) -> None:
    answers = {
        (answer.status_code, answer.text)
        for username, password in [("ada", "wrong"), ("nobody", "wrong"), ("a@b.example", "x")]
        for answer in [
            httpx.post(
                f"{live_site.url}/api/auth/login",
                json={"username": username, "password": password},
            )
        ]
    }
    assert len(answers) == 1
    assert answers.pop()[0] == 401
