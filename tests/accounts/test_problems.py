"""Every error below /api/ is a problem document, whoever answers it, and tells no details."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from accounts import own_sessions
from accounts.api import sessions as sessions_api
from accounts.problems import REAUTHENTICATION_REQUIRED
from sessionstate.errors import StoreUnavailable
from tests.accounts.helpers import ME, bearer, by_api
from tests.factories import PASSWORD

DATA = "/api/session/data"


@pytest.fixture
def program(ada: User) -> Client:
    return Client(headers=bearer(by_api("ada")["access"]), raise_request_exception=False)


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document.keys() == {"type", "title", "status", "detail"}
    assert document["status"] == status
    return document


@pytest.fixture(params=[True, False], ids=["debug", "production"])
def debug(request: pytest.FixtureRequest) -> Iterator[bool]:
    with override_settings(DEBUG=request.param):
        yield request.param


@pytest.mark.parametrize(
    "path", ["/api/nowhere", "/api/", "/api/auth/", "/api/keys/x/y", "/api/%00", "/api/../x"]
)
def test_no_such_address(program: Client, debug: bool, path: str) -> None:
    problem(program.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [("put", ME), ("get", "/api/auth/login"), ("post", DATA), ("patch", "/api/keys")],
)
def test_no_such_method(program: Client, debug: bool, method: str, path: str) -> None:
    answer = getattr(program, method)(path)
    problem(answer, 405)
    assert answer["Allow"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "x"]
)
def test_a_body_is_json(program: Client, debug: bool, kind: str) -> None:
    problem(program.put(f"{DATA}/k", b"{}", content_type=kind), 415)
    ok = program.put(f"{DATA}/k", b"1", content_type="application/merge-patch+json; charset=utf-8")
    assert ok.status_code == 204


def test_a_body_that_is_no_json(program: Client, debug: bool) -> None:
    found = problem(program.put(f"{DATA}/k", b"{", content_type="application/json"), 400)
    assert "parse" in found["detail"]


def test_a_body_that_is_too_large(program: Client, debug: bool) -> None:
    body = b'"' + b"x" * 3_000_000 + b'"'
    problem(program.put(f"{DATA}/k", body, content_type="application/json"), 413)


def test_a_body_that_says_the_wrong_thing(program: Client, debug: bool) -> None:
    body = {"name": "", "write": "perhaps", "password": "x" * 5000}
    answer = program.post("/api/keys", body, content_type="application/json")
    found = problem(answer, 422)
    assert "write" in found["detail"]
    assert "xxx" not in found["detail"], "what was sent may be a password"


def test_a_host_that_is_not_ours(debug: bool, db: None) -> None:
    problem(Client(SERVER_NAME="evil.example").get(ME), 400)


def test_an_unexpected_error_is_logged_and_not_told(
    program: Client, debug: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any) -> Any:
        raise RuntimeError("connection to db.internal refused")

    monkeypatch.setattr(own_sessions, "own_sessions", fail)
    with caplog.at_level(logging.ERROR):
        answer = program.get("/api/sessions")
    found = problem(answer, 500)
    assert "db.internal" not in answer.content.decode()
    assert found["detail"] == "Something went wrong on the server. It has been noted."
    assert "GET /api/sessions failed" in caplog.text
    assert "db.internal" in caplog.text


def test_a_store_that_is_down(program: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        raise StoreUnavailable("redis.internal:6379 does not answer")

    monkeypatch.setattr(sessions_api.own_sessions, "own_sessions", fail)
    answer = program.get("/api/sessions")
    assert "redis.internal" not in str(problem(answer, 503))
    assert int(answer["Retry-After"]) > 0


def test_pages_keep_their_own_errors(program: Client) -> None:
    answer = program.get("/nowhere")
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


# Making a key, which outlives the session.


def make(client: Client, **more: str) -> Any:
    return client.post("/api/keys", {"name": "nightly"} | more, content_type="application/json")


def long_ago(client: Client) -> None:
    """As if the sign-in of the client's session were of this morning."""
    from sessionstate.engine import SessionStore

    session = SessionStore(client.get(ME).json()["session_id"])
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()


def test_who_has_just_signed_in_may_make_a_key(program: Client) -> None:
    assert make(program).status_code == 201


def test_later_the_password_is_asked_for(program: Client) -> None:
    long_ago(program)
    assert problem(make(program), 403)["type"] == REAUTHENTICATION_REQUIRED
    wrong = problem(make(program, password="wrong"), 403)
    assert wrong["type"] == REAUTHENTICATION_REQUIRED
    assert wrong["detail"] == "The password is not right."
    assert make(program, password=PASSWORD).status_code == 201
    assert make(program).status_code == 201, "it was confirmed a moment ago"
