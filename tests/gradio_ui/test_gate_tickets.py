"""What a ticket must be, and where a request must come from, on Gradio's own routes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from django.conf import settings

from gradio_ui import routes
from gradio_ui.routes import Access
from tests.accounts.helpers import claims_of, signed
from tests.accounts.test_cross_site import ORIGINS as DJANGOS_ORIGINS
from tests.accounts.test_token_attacks import ATTACKS
from tests.servers import DEMO_PASSWORD, Site

COOKIE = settings.SESSION_COOKIE_NAME
CONFIG = "/gradio/probe/config"
API = "/gradio/probe/gradio_api"
# Longer header lines do not get through a server; `test_token_attacks` does without one.
LINE = 16_000


@pytest.fixture(scope="module")
def browser(live_site: Site) -> Any:
    with httpx.Client(base_url=live_site.url) as client:
        body = {"username": "ada", "password": DEMO_PASSWORD}
        client.post("/api/auth/login", json=body).raise_for_status()
        yield client


def headers(place: str, token: str) -> dict[str, bytes]:
    raw = token.encode("latin-1", "replace")
    if place == "cookie":
        return {"Cookie": f"{COOKIE}=".encode() + raw}
    return {"X-Session-Token": raw} if place == "header" else {"Authorization": b"Bearer " + raw}


@pytest.mark.parametrize("place", ["bearer", "header", "cookie"])
def test_a_bad_ticket_is_a_401(live_site: Site, browser: httpx.Client, place: str) -> None:
    token = browser.cookies[COOKIE]
    if place != "cookie":
        token = live_site.sign_in("ada")["Authorization"].removeprefix("Bearer ")
    claims = claims_of(token)
    with httpx.Client(base_url=live_site.url) as client:
        # The demo site's key is the tests' own.
        assert client.get(CONFIG, headers=headers(place, signed(claims))).status_code == 200
        wrong = {}
        for name, attack in ATTACKS.items():
            forged = attack(claims)
            if len(forged) < LINE:
                answer = client.get(CONFIG, headers=headers(place, forged))
                if answer.status_code != 401:
                    wrong[name] = answer.status_code
        assert not wrong


def test_the_documented_ticket_wins(live_site: Site, browser: httpx.Client) -> None:
    bob = live_site.sign_in("bob")
    for more, wanted in (
        ({}, "ada"),
        (bob, "bob"),
        ({"X-Session-Token": bob["Authorization"].removeprefix("Bearer ")}, "bob"),
    ):
        answer = browser.get("/api/auth/me", headers=more)
        assert answer.json()["user"]["username"] == wanted
    for broken in ({"Authorization": "Bearer x"}, {"X-Session-Token": ""}):
        assert browser.get(CONFIG, headers=broken).status_code == 401


SENDS = [
    "queue/join",
    "run/recall",
    "api/recall",
    "call/recall",
    "call/v2/recall",
    "cancel",
    "reset",
    "component_server",
    "upload",
    "process_recording",
    "stream/x",
    "stream/x/close",
]


def test_these_are_all_that_send() -> None:
    paths = [f"/gradio_api/{path}" for path in SENDS]
    missing = [
        pattern.pattern
        for pattern, route in routes._COMPILED
        # The door of MCP, which this app has not, is in test_mcp.
        if route.access is Access.USE and "POST" in route.methods and not route.is_mcp
        if not any(map(pattern.fullmatch, paths))
    ]
    assert missing == []


def test_no_other_site_uses_the_cookie(live_site: Site, browser: httpx.Client) -> None:
    here = {"http://testserver": live_site.url, "http://x.testserver": "http://x.127.0.0.1"}
    for name, values in DJANGOS_ORIGINS.items():
        origin = {k: here.get(v, v) for k, v in values.items()}
        for path in SENDS:
            for kind in ("application/json", "text/plain"):
                more = origin | {"Content-Type": kind}
                answer = browser.post(
                    f"/gradio/probe/gradio_api/{path}", content=b"{}", headers=more
                )
                assert answer.status_code == 403, (path, name, kind)
    own = {"Origin": live_site.url}
    answer = browser.post(f"{API}/call/recall", json={"data": ["x"]}, headers=own)
    assert answer.status_code == 200
    token = live_site.sign_in("ada") | {"Origin": "https://evil.example"}
    answer = httpx.post(f"{live_site.url}{API}/call/recall", json={"data": ["x"]}, headers=token)
    assert answer.status_code == 200, "a token vouches for itself"
