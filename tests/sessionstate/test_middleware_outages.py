"""`sessionstate.middleware` while the store is down, wherever in the request that is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from sessionstate import clock
from sessionstate.engine import SessionStore
from tests.sessionstate.redis_process import RedisProcess

COOKIE = settings.SESSION_COOKIE_NAME
PAGE = {"Accept": "text/html,*/*"}
_server: list[RedisProcess] = []


def show(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.session.get("color")))


def untouched(request: HttpRequest) -> HttpResponse:
    return HttpResponse("nothing asked")


def goes_down_before_the_save(request: HttpRequest) -> HttpResponse:
    request.session["color"] = "blue"
    _server[0].stop()
    return HttpResponse("saved")


def goes_down_after_reading(request: HttpRequest) -> HttpResponse:
    text = str(request.session["color"])
    _server[0].stop()
    return HttpResponse(text)


def down_for_other_reasons(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


async def ashow(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(await request.session.aget("color")))


async def agoes_down_before_the_save(request: HttpRequest) -> HttpResponse:
    await request.session.aset("color", "blue")
    await sync_to_async(_server[0].stop)()
    return HttpResponse("saved")


class Curious:
    """Another middleware, one that wants to know the session before any view does."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.session.get("color")
        return self.get_response(request)


urlpatterns = [
    path(f"{view.__name__}/", view)
    for view in (
        *(show, untouched, goes_down_before_the_save, goes_down_after_reading),
        *(down_for_other_reasons, ashow, agoes_down_before_the_save),
    )
]
pytestmark = pytest.mark.urls(__name__)


@pytest.fixture(autouse=True)
def server(tmp_path: Path, transactional_db: None) -> Iterator[RedisProcess]:
    with (
        RedisProcess(tmp_path / "redis") as server,
        override_settings(
            **server.settings,
            MIDDLEWARE=["sessionstate.middleware.SessionMiddleware"],
            TEMPLATES=[],
            SESSIONSTATE_TICKETS="sessionstate.tickets.SessionIdCookie",
        ),
    ):
        _server[:] = [server]
        yield server


@pytest.fixture
def session_id() -> str:
    store = SessionStore()
    store["color"] = "red"
    store.save()
    assert store.session_key
    return store.session_key


def assert_unavailable(response: HttpResponseBase) -> None:
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies


def test_a_view_that_reads_the_session(client: Client, server: RedisProcess) -> None:
    client.cookies[COOKIE] = "a" * 32
    server.stop()
    response = client.get("/show/")
    assert_unavailable(response)
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == 503
    page = client.get("/show/", headers=PAGE)
    assert_unavailable(page)
    assert "<h1>Service unavailable</h1>" in page.content.decode()


async def test_an_async_view(async_client: AsyncClient, server: RedisProcess) -> None:
    async_client.cookies[COOKIE] = "a" * 32
    await sync_to_async(server.stop)()
    assert_unavailable(await async_client.get("/ashow/"))


def test_who_has_no_ticket_or_no_use_for_it_is_served(client: Client, server: RedisProcess) -> None:
    server.stop()
    assert client.get("/show/").content == b"None"
    client.cookies[COOKIE] = "a" * 32
    assert client.get("/untouched/").content == b"nothing asked"


@override_settings(MIDDLEWARE=["sessionstate.middleware.SessionMiddleware", f"{__name__}.Curious"])
def test_another_middleware_that_reads_the_session(client: Client, server: RedisProcess) -> None:
    client.raise_request_exception = False
    client.cookies[COOKIE] = "a" * 32
    server.stop()
    assert_unavailable(client.get("/untouched/"))


def test_what_could_not_be_saved_is_not_reported_as_done(
    client: Client, server: RedisProcess, session_id: str
) -> None:
    client.cookies[COOKIE] = session_id
    assert_unavailable(client.get("/goes_down_before_the_save/"))
    server.start()
    assert client.get("/show/").content == b"red"


async def test_what_an_async_view_could_not_save(
    async_client: AsyncClient, server: RedisProcess, session_id: str
) -> None:
    async_client.cookies[COOKIE] = session_id
    assert_unavailable(await async_client.get("/agoes_down_before_the_save/"))


def test_a_use_that_could_not_be_noted_spoils_nothing(client: Client, session_id: str) -> None:
    client.cookies[COOKIE] = session_id
    clock.shift(3600)
    response = client.get("/goes_down_after_reading/")
    assert (response.status_code, response.content) == (200, b"red")


def test_other_errors_stay_what_they_are(client: Client, session_id: str) -> None:
    client.raise_request_exception = False
    client.cookies[COOKIE] = session_id
    assert client.get("/down_for_other_reasons/").status_code == 500
