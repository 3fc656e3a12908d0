"""Where tickets travel is the site's choice; so is who has no session at all."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings

from accounts.identity import NotAuthenticated
from accounts.programs import create_key
from accounts.tickets import JWTTickets
from sessionstate.engine import SessionStore
from sessionstate.middleware import SessionMiddleware
from tests.accounts.helpers import LOGIN, ME, bearer, by_api, by_page, cookie_of, identify, status

PAGE = "/accounts/sessions/"
COOKIE = settings.SESSION_COOKIE_NAME


@pytest.fixture
def sent(ada: User) -> dict[str, dict[str, Any]]:
    """Arguments of a request per place, each of its own login."""
    cookie = {"Cookie": f"{COOKIE}={cookie_of(by_page('ada'))}"}
    return {
        "bearer": bearer(by_api("ada")["access"]),
        "header": {"X-Session-Token": by_api("ada")["access"]},
        "cookie": cookie,
    }


@pytest.mark.parametrize("off", ["bearer", "header", "cookie"])
def test_a_place_that_is_off_is_not_looked_at(sent: dict[str, dict[str, Any]], off: str) -> None:
    places = [place for place in sent if place != off]
    with override_settings(ACCOUNTS_TICKET_PLACES=places):
        for place, headers in sent.items():
            wanted = 401 if place == off else 200
            assert Client().get(ME, headers=headers).status_code == wanted
        # It neither decides nor stands in the way.
        nonsense = dict.fromkeys(sent[off], "Bearer x")
        assert Client().get(ME, headers=sent[places[0]] | nonsense).status_code == 200


def test_without_the_cookie_nobody_is_given_one(ada: User) -> None:
    with override_settings(ACCOUNTS_TICKET_PLACES=["bearer"]):
        client = Client()
        tokens = by_api("ada", client)
        assert COOKIE not in client.cookies
        assert status(tokens["access"]) == 200
        assert status(create_key(ada, "night")[1]) == 200


def test_without_bearer_there_are_no_api_keys(ada: User) -> None:
    raw = create_key(ada, "night")[1]
    with override_settings(ACCOUNTS_TICKET_PLACES=["header", "cookie"]):
        for headers in (bearer(raw), {"X-Session-Token": raw}):
            assert Client().get(ME, headers=headers).status_code == 401


def test_the_first_place_of_the_list_decides(ada: User, bob: User) -> None:
    both = bearer(by_api("ada")["access"]) | {"X-Session-Token": by_api("bob")["access"]}

    def who() -> str:
        name: str = Client().get(ME, headers=both).json()["user"]["username"]
        return name

    assert who() == "ada"
    with override_settings(ACCOUNTS_TICKET_PLACES=["header", "bearer"]):
        assert who() == "bob"


def test_the_headers_can_have_other_names(ada: User) -> None:
    access = by_api("ada")["access"]
    names = {"ACCOUNTS_BEARER_HEADER": "X-Auth", "ACCOUNTS_TOKEN_HEADER": "X-Ticket"}
    with override_settings(**names):
        for headers, wanted in (
            ({"X-Auth": f"Bearer {access}"}, 200),
            ({"X-Ticket": access}, 200),
            (bearer(access), 401),
            ({"X-Session-Token": access}, 401),
        ):
            assert Client().get(ME, headers=headers).status_code == wanted


def test_the_cookie_is_djangos_session_cookie(ada: User) -> None:
    mine = {
        "SESSION_COOKIE_NAME": "my-ticket",
        "SESSION_COOKIE_PATH": "/",
        "SESSION_COOKIE_DOMAIN": "testserver",
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": False,
        "SESSION_COOKIE_SAMESITE": "Strict",
        "SESSION_COOKIE_AGE": 1234,
        "ACCOUNT_SESSION_COOKIE_AGE": 1234,
    }
    with override_settings(**mine):
        cookie = by_page("ada", remember="on").cookies["my-ticket"]
    assert (cookie["path"], cookie["domain"], cookie["secure"]) == ("/", "testserver", True)
    assert (cookie["httponly"], cookie["samesite"]) == ("", "Strict")
    assert 1230 < cookie["max-age"] <= 1234


# Requests without a session.


@pytest.mark.parametrize(
    ("setting", "headers"),
    [
        ("X-Probe", {"X-Probe": ""}),
        ("User-Agent: kube-probe/*", {"User-Agent": "kube-probe/1.31"}),
    ],
)
def test_a_probe_is_nobody_whatever_it_carries(
    sent: dict[str, dict[str, Any]], setting: str, headers: dict[str, str]
) -> None:
    broken = {"Authorization": "Bearer x"}
    with override_settings(SESSIONSTATE_SKIP_HEADER=setting):
        for ticket in (*sent.values(), broken):
            answer = Client().get(ME, headers=ticket | headers)
            assert answer.status_code == 401
            assert COOKIE not in answer.cookies, "the browser keeps its own login"
            page = Client().get(PAGE, headers=ticket | headers)
            assert page["Location"].startswith(LOGIN)
            assert COOKIE not in page.cookies
            with pytest.raises(NotAuthenticated) as caught:
                identify(ticket | headers, {})
            assert caught.value.code == "missing"
        for place, ticket in sent.items():
            assert Client().get(ME, headers=ticket).status_code == 200, place
        other = {name: "Mozilla" for name in headers if name == "User-Agent"}
        assert Client().get(ME, headers=sent["bearer"] | other).status_code == 200
    assert Client().get(ME, headers=sent["bearer"] | headers).status_code == 200, "off by default"


def test_signing_in_as_a_probe_gives_no_cookie(ada: User) -> None:
    with override_settings(SESSIONSTATE_SKIP_HEADER="X-Probe"):
        browser = by_page("ada", Client(headers={"X-Probe": "1"}))
        assert COOKIE not in browser.cookies


# What the session is called.


def test_the_session_has_another_name_as_well(ada: User) -> None:
    seen: dict[str, Any] = {}

    def view(request: HttpRequest) -> HttpResponse:
        seen.update(vars(request))
        return HttpResponse()

    with override_settings(SESSIONSTATE_ATTRIBUTE="state_of_play"):
        SessionMiddleware(view)(RequestFactory().get("/"))
        assert isinstance(seen["session"], SessionStore)
        assert seen["state_of_play"] is seen["session"]


def test_the_defaults_are_the_documented_ones() -> None:
    from accounts.conf import conf

    assert conf.places == ("bearer", "header", "cookie")
    assert JWTTickets().read({}, {}) is None
