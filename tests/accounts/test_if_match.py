"""`ETag` and `If-Match` on session data: nobody overwrites what they have not seen."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from accounts.api import data
from sessionstate import Session, logins
from tests.accounts.helpers import bearer, by_api
from tests.factories import UserFactory

DATA = "/api/session/data"
WRITES = [
    ("put", "", {"a": 2}),
    ("patch", "", {"a": 2}),
    ("delete", "", None),
    ("put", "/a", 2),
    ("patch", "/a", 2),
    ("delete", "/a", None),
]


def send(client: Client, method: str, path: str, body: Any, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return getattr(client, method)(
        DATA + path, json.dumps(body), content_type="application/json", headers=named
    )


@pytest.fixture
def tokens(ada: User) -> dict[str, Any]:
    return by_api("ada")


@pytest.fixture
def api(tokens: dict[str, Any]) -> Client:
    client = Client(headers=bearer(tokens["access"]))
    assert send(client, "put", "/a", 1).status_code == 204
    return client


def tag(client: Client, path: str = "") -> str:
    found: str = client.get(DATA + path)["ETag"]
    return found


def test_reading_changes_no_version_and_writing_does(api: Client) -> None:
    first = tag(api)
    assert first == tag(api) == tag(api, "/a")
    answer = send(api, "put", "/a", 2)
    assert answer["ETag"] == tag(api) != first
    assert send(api, "put", "/a", 2).status_code == 204
    assert tag(api) == answer["ETag"], "the same value again changes nothing"


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_stale_write_is_refused_and_a_current_one_is_not(
    api: Client, method: str, path: str, body: Any
) -> None:
    stale = tag(api)
    send(api, "put", "/other", 1)
    answer = send(api, method, path, body, If_Match=stale)
    assert answer.status_code == 412
    assert answer["Content-Type"] == "application/problem+json"
    assert api.get(DATA).json() == {"a": 1, "other": 1}
    done = send(api, method, path, body, If_Match=tag(api))
    assert done.status_code == 204
    assert done["ETag"] == tag(api)
    assert api.get(DATA).json() != {"a": 1, "other": 1}


def test_a_callback_counts_as_a_change(api: Client, tokens: dict[str, Any]) -> None:
    stale = tag(api)
    session = Session(tokens["session_id"])
    session["by callback"] = True
    session.save()
    assert send(api, "put", "", {}, If_Match=stale).status_code == 412
    assert "by callback" in api.get(DATA).json()


@pytest.mark.parametrize("form", ["W/{}", '"nope", {}', "*", '{} , W/"x"'])
def test_forms_that_match(api: Client, form: str) -> None:
    assert send(api, "put", "/a", 3, If_Match=form.format(tag(api))).status_code == 204


@pytest.mark.parametrize("value", ["", "7", "x" * 5000, '"', '"1"', "\xff", '"*"'])
def test_anything_else_does_not_match(api: Client, value: str) -> None:
    assert send(api, "put", "/a", 3, If_Match=value).status_code == 412
    assert api.get(f"{DATA}/a").json() == 1


def test_a_save_that_takes_no_turn_is_not_overwritten_either(
    api: Client, tokens: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = data._merged

    def slowly(target: Any, patch: Any) -> Any:
        session = Session(tokens["session_id"])
        session["a"] = "by callback"
        session.save()
        return merge(target, patch)

    monkeypatch.setattr(data, "_merged", slowly)
    assert send(api, "patch", "/a", {"x": 1}, If_Match=tag(api)).status_code == 412
    assert api.get(DATA).json() == {"a": "by callback"}


def test_the_next_session_counts_anew_but_not_alike(api: Client, ada: User) -> None:
    old = tag(api)
    logins.revoke_user(ada.pk)
    client = Client(headers=bearer(by_api("ada")["access"]))
    for _ in range(5):
        send(client, "put", "/n", _)
        assert tag(client) != old
        assert send(client, "put", "/a", 9, If_Match=old).status_code == 412


@pytest.mark.django_db(transaction=True)
def test_of_writers_at_once_that_saw_the_same_one_wins() -> None:
    UserFactory(username="ada")
    access = by_api("ada")["access"]
    seen = tag(Client(headers=bearer(access)))
    codes: list[int] = []

    def write(number: int) -> None:
        client = Client(headers=bearer(access))
        codes.append(send(client, "put", "/winner", number, If_Match=seen).status_code)
        connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [204] + [412] * 5


def test_it_is_documented(db: None) -> None:
    paths = Client().get("/api/openapi.json").json()["paths"]
    for path in (DATA, f"{DATA}/{{key}}"):
        for method in ("put", "patch", "delete"):
            operation = paths[path][method]
            headers = [each for each in operation["parameters"] if each["in"] == "header"]
            assert [each["name"] for each in headers] == ["If-Match"]
            assert not headers[0]["required"]
            assert "412" in operation["responses"]
            assert "ETag" in operation["responses"]["204"]["headers"]
        assert "ETag" in paths[path]["get"]["responses"]["200"]["headers"]
        assert "content" in paths[path]["get"]["responses"]["200"]
