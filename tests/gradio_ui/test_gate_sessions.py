"""The session at the gate: who stays signed in, where callbacks find it, and who has none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import gradio
import httpx
import pytest
import safehttpx
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings

from gradio_ui import register
from gradio_ui.asgi import GradioRouter
from sessionstate import clock
from sessionstate.threads import in_thread
from tests.accounts.helpers import by_page, claims_of, cookie_of
from tests.factories import UserFactory

COOKIE = settings.SESSION_COOKIE_NAME
IDLE, ABSOLUTE = 1000, 5000
APP = "/gradio/page"
ME = "/api/auth/me"


def find(name: str, request: gradio.Request) -> str:
    """The session under that name, wherever a callback may look for it."""
    scope = request.request.scope  # type: ignore[union-attr]
    found = [scope.get(name), scope["state"].get(name)]
    return " ".join(getattr(session, "short_id", "none") for session in found)


@pytest.fixture
async def router(empty_registry: None) -> AsyncIterator[GradioRouter]:
    @register("page")
    def build() -> Any:
        with gradio.Blocks() as demo:
            text = gradio.Textbox()
            gradio.Button().click(lambda value: value, text, text, api_name="echo")
            gradio.Button().click(find, text, text, api_name="find")
        return demo

    router = GradioRouter()
    yield router
    await router.lifespan.stop()


@pytest.fixture
def ada(transactional_db: None) -> Iterator[User]:
    with override_settings(SESSION_COOKIE_AGE=IDLE, SESSIONSTATE_ABSOLUTE_AGE=ABSOLUTE):
        yield UserFactory(username="ada")
    clock.reset()


class Browser:
    """Keeps the cookie that it was given last."""

    def __init__(self, router: GradioRouter, signed_in: Client) -> None:
        self.transport = httpx.ASGITransport(app=router)
        self.django = signed_in
        self.renewed = 0

    async def ask(self, method: str, path: str, **more: Any) -> int:
        headers = {"Cookie": f"{COOKIE}={cookie_of(self.django)}", "Origin": "http://testserver"}
        async with httpx.AsyncClient(
            transport=self.transport, base_url="http://testserver", headers=headers
        ) as client:
            answer = await client.request(method, APP + path, **more)
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            value, _, flags = rest.partition(";")
            if name == "csrftoken":  # of the form in the bar
                continue
            assert name == COOKIE and "HttpOnly" in flags and "SameSite=Lax" in flags
            self.django.cookies[COOKIE] = value
            self.renewed += 1
        self.answer = answer
        return answer.status_code


USES: dict[str, dict[str, Any]] = {
    "page": {"method": "GET", "path": "/"},
    "event": {"method": "POST", "path": "/gradio_api/run/echo", "json": {"data": ["x"]}},
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
async def test_activity_on_gradio_pages_alone_keeps_one_in(
    ada: User, router: GradioRouter, use: dict[str, Any]
) -> None:
    browser = Browser(router, await in_thread(by_page, "ada"))
    first = claims_of(cookie_of(browser.django))
    step, stayed = IDLE * 0.8, 0.0
    while stayed + step < ABSOLUTE:
        clock.shift(step)
        stayed += step
        assert await browser.ask(**use) == 200, f"thrown out after {stayed:g} s"
    last = claims_of(cookie_of(browser.django))
    assert browser.renewed >= 5
    assert last["sid"] == first["sid"]
    assert last["exp"] <= first["iat"] + ABSOLUTE + 1, "the ticket ends with the session"
    assert (await in_thread(browser.django.get, ME)).status_code == 200, "and for Django too"
    clock.shift(ABSOLUTE - stayed + 1)
    assert await browser.ask("GET", "/config") == 401


async def test_a_page_that_is_only_open_does_not(ada: User, router: GradioRouter) -> None:
    browser = Browser(router, await in_thread(by_page, "ada"))
    for _ in range(4):
        clock.shift(IDLE * 0.24)
        assert await browser.ask("GET", "/gradio_api/queue/status") == 200
    assert browser.renewed == 0
    clock.shift(IDLE * 0.1)
    assert await browser.ask("GET", "/gradio_api/queue/status") == 401
    assert await browser.ask("GET", "/config") == 401


async def test_the_session_is_where_the_site_wants_it(ada: User, router: GradioRouter) -> None:
    browser = Browser(router, await in_thread(by_page, "ada"))
    mine = claims_of(cookie_of(browser.django))["sid"][:8]
    for attribute in ("session", "login"):
        with override_settings(SESSIONSTATE_ATTRIBUTE=attribute):
            for name in ("session", "login"):
                assert (
                    await browser.ask("POST", "/gradio_api/run/find", json={"data": [name]}) == 200
                )
                wanted = mine if name == attribute else "none"
                assert browser.answer.json()["data"] == [f"{wanted} {wanted}"]


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
async def test_a_probe_is_nobody(ada: User, router: GradioRouter, use: dict[str, Any]) -> None:
    browser = Browser(router, await in_thread(by_page, "ada"))
    clock.shift(IDLE * 0.5)
    with override_settings(SESSIONSTATE_SKIP_HEADER="User-Agent: kube-probe/*"):
        assert await browser.ask(**use, headers={"User-Agent": "kube-probe/1.31"}) == 401
        assert browser.renewed == 0
        assert await browser.ask(**use) == 200


VERIFIERS = ["not_on_sundays", "asynchronous", "failing"]


@pytest.mark.parametrize("name", VERIFIERS)
async def test_the_sites_verifiers_are_asked(ada: User, router: GradioRouter, name: str) -> None:
    browser = Browser(router, await in_thread(by_page, "ada"))
    for use in USES.values():
        with override_settings(SESSIONSTATE_VERIFIERS=[f"tests.accounts.test_verifiers.{name}"]):
            fine = await browser.ask(**use)
            assert fine == (401 if name == "failing" else 200)
            assert await browser.ask(**use, headers={"X-Refuse": "1"}) == 401
            assert browser.answer.json()["detail"] == "Not authenticated"
        assert await browser.ask(**use) == 200, "the session stands"


async def test_what_another_site_sends_ends_with_the_session(
    ada: User, router: GradioRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradio hands it on for as long as that site likes."""
    left = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        with suppress(OSError):
            while True:
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()
        left.set()

    async def here(hostname: str) -> str:
        return "127.0.0.1"

    monkeypatch.setattr(safehttpx, "async_validate_url", here)
    browser = await in_thread(by_page, "ada")
    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        heard = asyncio.Event()

        async def receive() -> Any:
            await asyncio.Future()

        async def send(message: Any) -> None:
            assert message.get("status", 200) == 200
            if message.get("body"):
                heard.set()

        scope = {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": f"{APP}/gradio_api/file=http://files.example:{port}/endless",
            "query_string": b"",
            "headers": [
                (b"host", b"testserver"),
                (b"cookie", f"{COOKIE}={cookie_of(browser)}".encode()),
            ],
        }
        answering = asyncio.create_task(router(scope, receive, send))
        async with asyncio.timeout(20):
            await heard.wait()
            assert not answering.done()
            await in_thread(browser.post, "/accounts/logout/")
            await answering
            await left.wait()
