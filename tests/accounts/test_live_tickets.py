"""What a ticket must be, and where a page must come from, for `/ws/session/`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import User
from django.test import override_settings

from accounts import live
from accounts.watch import watch
from tests.accounts.helpers import bearer, by_api, by_page, claims_of, cookie_of, signed
from tests.accounts.test_token_attacks import ATTACKS

COOKIE = settings.SESSION_COOKIE_NAME
OWN = {"Origin": "http://testserver"}


async def answer(headers: dict[str, str]) -> str:
    """Whether a connection with these headers is accepted; the close code otherwise."""
    sent: list[Any] = []
    messages = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    raw = {"Host": "testserver"} | headers
    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": "/ws/session/",
        "query_string": b"",
        "client": ["127.0.0.1", 1],
        "headers": [(n.lower().encode(), v.encode("latin-1", "replace")) for n, v in raw.items()],
    }
    await live.serve(scope, receive, send)
    first = sent[0]
    return "accepted" if first["type"] == "websocket.accept" else str(first["code"])


def sent(place: str, token: str) -> dict[str, str]:
    if place == "cookie":
        return OWN | {"Cookie": f"{COOKIE}={token}"}
    return {"X-Session-Token": token} if place == "header" else bearer(token)


@pytest.fixture(autouse=True)
async def watching() -> AsyncIterator[None]:
    watch.start()
    yield
    await watch.stop()


@pytest.fixture
def claims(transactional_db: None, ada: User) -> dict[str, dict[str, Any]]:
    access = claims_of(by_api("ada")["access"])
    return {"bearer": access, "header": access, "cookie": claims_of(cookie_of(by_page("ada")))}


@pytest.mark.parametrize("place", ["bearer", "header", "cookie"])
async def test_a_bad_ticket_is_not_let_in(claims: dict[str, dict[str, Any]], place: str) -> None:
    assert await answer(sent(place, signed(claims[place]))) == "accepted"
    found = {
        name: await answer(sent(place, attack(claims[place]))) for name, attack in ATTACKS.items()
    }
    assert {name for name, code in found.items() if code != str(live.REVOKED)} == set()


@pytest.mark.parametrize(
    "origin",
    [{}, {"Origin": "null"}, {"Origin": "https://evil.example"}, {"Origin": "http://x.testserver"}],
)
async def test_another_sites_page_does_not_listen(
    claims: dict[str, dict[str, Any]], origin: dict[str, str]
) -> None:
    cookie = {"Cookie": f"{COOKIE}={signed(claims['cookie'])}"}
    assert await answer(cookie | OWN) == "accepted"
    assert await answer(cookie | origin) == str(live.REVOKED)
    program = {"Cookie": f"{COOKIE}={signed(claims['cookie'], program=True)}"}
    assert await answer(program | OWN) == str(live.REVOKED)
    assert await answer(bearer(signed(claims["bearer"])) | origin) == "accepted"


async def test_the_sites_verifiers_are_asked(claims: dict[str, dict[str, Any]]) -> None:
    path = "tests.accounts.test_verifiers.not_on_sundays"
    headers = sent("bearer", signed(claims["bearer"]))
    with override_settings(SESSIONSTATE_VERIFIERS=[path]):
        assert await answer(headers) == "accepted"
        assert await answer(headers | {"X-Refuse": "1"}) == str(live.REVOKED)
    with override_settings(SESSIONSTATE_SKIP_HEADER="X-Probe"):
        assert await answer(headers | {"X-Probe": "1"}) == str(live.REVOKED)
    await sync_to_async(User.objects.all().delete)()
    assert await answer(headers) == str(live.REVOKED)
