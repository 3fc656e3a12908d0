"""`WS /ws/session/` on a real server: who gets in, what it says, how it ends."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from accounts.tokens import AccessToken, issue
from tests.servers import DEMO_PASSWORD, GRACE, Site, SiteFactory

REVOKED, TOO_BIG, TOO_MUCH, UNAVAILABLE = 4401, 4413, 4429, 4503


def address(site: Site, path: str = "/ws/session/") -> str:
    return f"ws://127.0.0.1:{site.port}{path}"


def refused(site: Site, headers: dict[str, str], path: str = "/ws/session/") -> bool:
    try:
        with connect(address(site, path), additional_headers=headers, open_timeout=20):
            return False
    except InvalidStatus as error:
        assert error.response.status_code == 403
        return True


def browser(site: Site, username: str) -> dict[str, str]:
    body = {"username": username, "password": DEMO_PASSWORD}
    with httpx.Client(base_url=site.url) as client:
        client.post("/api/auth/login", json=body).raise_for_status()
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}


@contextmanager
def opened(site: Site, headers: dict[str, str], query: str = "") -> Iterator[ClientConnection]:
    """A connection that has said whose session it is."""
    place = address(site, f"/ws/session/{query}")
    with connect(place, additional_headers=headers, open_timeout=20) as connection:
        assert json.loads(connection.recv(timeout=20)) == {"type": "open", "user": "ada"}
        yield connection


def end_of(connection: ClientConnection) -> tuple[list[Any], int]:
    """All that is still said, and the close code."""
    said = []
    try:
        while True:
            said.append(json.loads(connection.recv(timeout=20)))
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        return said, closed.rcvd.code


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", None]
)
def test_another_sites_page_cannot_listen(live_site: Site, origin: str | None) -> None:
    headers = browser(live_site, "ada") | ({"Origin": origin} if origin else {})
    assert refused(live_site, headers)


def test_our_own_page_and_a_program_may_listen(live_site: Site) -> None:
    for headers in (
        browser(live_site, "ada") | {"Origin": live_site.url},
        live_site.sign_in("ada"),
    ):
        with opened(live_site, headers) as connection:
            connection.ping().wait(20)


def test_without_a_ticket_that_stands_nobody_gets_in(live_site: Site) -> None:
    own = {"Origin": live_site.url}
    ended = live_site.sign_in("ada")
    httpx.post(f"{live_site.url}/api/auth/logout", headers=ended).raise_for_status()
    ada = httpx.get(f"{live_site.url}/api/auth/me", headers=live_site.sign_in("ada")).json()
    bob = httpx.get(f"{live_site.url}/api/auth/me", headers=live_site.sign_in("bob")).json()
    bob_id = str(bob["user"]["id"])
    foreign = issue(
        AccessToken, session_id=ada["session_id"], user_id=bob_id, lifetime=timedelta(minutes=1)
    )
    for headers in (
        own,
        ended,
        {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Bearer {foreign}"},
        own | {"Cookie": "session=nonsense"},
    ):
        assert refused(live_site, headers), headers


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/session", "/ws/session/x", "/gradio/probe/"])
def test_there_is_no_other_websocket(live_site: Site, path: str) -> None:
    assert refused(live_site, live_site.sign_in("ada"), path)


def test_a_page_hears_at_once_that_its_session_has_ended(live_site: Site) -> None:
    headers = live_site.sign_in("ada")
    others = live_site.sign_in("ada")
    with opened(live_site, headers) as mine, opened(live_site, others) as other:
        httpx.post(f"{live_site.url}/api/auth/logout", headers=headers).raise_for_status()
        started = time.monotonic()
        assert end_of(mine) == ([{"type": "revoked"}], REVOKED)
        assert time.monotonic() - started < 1.0 + GRACE
        with pytest.raises(TimeoutError):
            other.recv(timeout=0.2)


def test_what_a_page_sends_is_dropped_up_to_a_limit(live_site: Site) -> None:
    headers = live_site.sign_in("ada")
    with opened(live_site, headers) as connection:
        for message in ("{}", "nonsense", b"\0\xff", json.dumps({"type": "revoked"})):
            connection.send(message)
        with pytest.raises(TimeoutError):
            connection.recv(timeout=0.3)
        connection.send("x" * 1025)
        assert end_of(connection) == ([], TOO_BIG)
    with opened(live_site, headers) as connection:
        for _ in range(61):
            connection.send("x")
        assert end_of(connection) == ([], TOO_MUCH)


def test_an_open_page_keeps_no_session_alive_and_is_warned(
    live_server_factory: SiteFactory,
) -> None:
    site = live_server_factory("uvicorn", env={"SESSION_IDLE_AGE": "8"})
    headers = site.sign_in("ada")
    with opened(site, headers) as connection:
        started = time.monotonic()
        said, code = end_of(connection)
        assert 4 < time.monotonic() - started < 12 + GRACE
    *warnings, last = said
    assert warnings and {message["type"] for message in warnings} == {"expiring"}
    assert 0 < warnings[0]["seconds"] <= 4
    assert warnings[0]["renewable"] is True
    assert (last, code) == ({"type": "revoked"}, REVOKED)
    with opened(site, site.sign_in("ada")) as connection:
        site.stop()
        while True:
            try:
                connection.recv(timeout=10)
            except ConnectionClosed as closed:
                assert closed.rcvd is not None and closed.rcvd.code == UNAVAILABLE
                break
