"""`sessionstate.middleware` over HTTP, with the plain cookie scheme, sync and async."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth import authenticate, login
from django.contrib.auth.models import User
from django.http import HttpRequest, JsonResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from sessionstate import clock, logins
from sessionstate.engine import SessionStore


def show(request: HttpRequest) -> JsonResponse:
    return JsonResponse(dict(request.session.items()))


def nested(request: HttpRequest) -> JsonResponse:
    request.session.setdefault("items", []).append(1)
    return JsonResponse({"n": len(request.session["items"])})


async def anested(request: HttpRequest) -> JsonResponse:
    (await request.session.asetdefault("items", [])).append(1)
    return JsonResponse({"n": len(await request.session.aget("items"))})


def failing(request: HttpRequest) -> JsonResponse:
    request.session["half"] = True
    return JsonResponse({}, status=500)


def sign_in(request: HttpRequest) -> JsonResponse:
    user = authenticate(request, username="ada", password="pw")
    assert user is not None
    login(request, user)
    return JsonResponse({})


def untouched(request: HttpRequest) -> JsonResponse:
    return JsonResponse({})


def ends_meanwhile(request: HttpRequest) -> JsonResponse:
    request.session["late"] = True
    logins.revoke(request.session.session_key or "")
    return JsonResponse({})


urlpatterns = [
    path(view.__name__ + "/", view)
    for view in (show, nested, anested, failing, sign_in, untouched, ends_meanwhile)
]

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def plain_cookies() -> object:
    with override_settings(
        MIDDLEWARE=["sessionstate.middleware.SessionMiddleware"],
        TEMPLATES=[],  # the error pages of the project link to views that are not here
        SESSIONSTATE_TICKETS="sessionstate.tickets.SessionIdCookie",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ):
        yield


def cookie(client: Client | AsyncClient) -> str:
    morsel = client.cookies.get(settings.SESSION_COOKIE_NAME)
    return morsel.value if morsel else ""


def test_a_nested_change_is_saved_without_modified(client: Client) -> None:
    assert [client.get("/nested/").json()["n"] for _ in range(3)] == [1, 2, 3]
    assert cookie(client)


async def test_the_same_in_async_views(async_client: AsyncClient) -> None:
    counts = [(await async_client.get("/anested/")).json()["n"] for _ in range(3)]
    assert counts == [1, 2, 3]


def test_a_view_that_does_not_use_the_session_gets_no_cookie(client: Client) -> None:
    response = client.get("/untouched/")
    assert not response.cookies
    assert not response.has_header("Vary")


def test_a_server_error_saves_nothing(client: Client) -> None:
    client.get("/nested/")
    client.get("/failing/")
    assert client.get("/show/").json() == {"items": [1]}


def test_an_unknown_id_is_not_taken_over_and_its_cookie_goes(client: Client) -> None:
    client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    assert client.get("/show/").json() == {}
    assert cookie(client) == ""
    client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    client.get("/nested/")
    assert cookie(client) not in ("", "a" * 32)


def test_signing_in_rotates_the_id_and_the_old_one_is_dead(client: Client) -> None:
    User.objects.create_user("ada", password="pw")
    client.get("/nested/")
    planted = cookie(client)
    client.get("/sign_in/")
    assert cookie(client) != planted
    assert client.get("/show/").json()["items"] == [1]
    assert not SessionStore().exists(planted)
    (mine,) = logins.for_user(User.objects.get().pk)
    assert mine.id == cookie(client)
    assert mine.ip == "127.0.0.1"


def test_a_session_that_ends_during_a_request_stays_dead(client: Client) -> None:
    client.get("/nested/")
    ended = cookie(client)
    assert client.get("/ends_meanwhile/").status_code == 400
    assert not SessionStore().exists(ended)


@override_settings(SESSION_COOKIE_AGE=100)
def test_use_slides_the_limit_and_rest_ends_the_session(client: Client) -> None:
    client.get("/nested/")
    for _ in range(3):
        clock.shift(60)
        assert client.get("/show/").json() == {"items": [1]}
    clock.shift(101)
    assert client.get("/show/").json() == {}


@override_settings(SESSION_COOKIE_AGE=1000)
def test_reading_again_and_again_does_not_write_every_time(client: Client) -> None:
    client.get("/nested/")
    (first,) = logins.live()
    client.get("/show/")
    (second,) = logins.live()
    clock.shift(60)
    client.get("/show/")
    (third,) = logins.live()
    assert first.used == second.used < third.used
    assert third.version == first.version


def test_the_registry_knows_the_device(client: Client) -> None:
    client.get("/nested/", headers={"User-Agent": "Mozilla/5.0 " + "x" * 500})
    (entry,) = logins.live()
    assert entry.user_agent.startswith("Mozilla/5.0")
    assert len(entry.user_agent) == 200
