"""Where a ticket counts, what the cookie looks like, and how it renews itself."""

from __future__ import annotations

from types import ModuleType

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import AsyncClient, Client, override_settings

from tests.accounts.helpers import (
    ME,
    bearer,
    by_api,
    by_page,
    claims_of,
    cookie_of,
    signed,
    status,
)

HOUR = 3600
COOKIE = settings.SESSION_COOKIE_NAME


def who(client: Client, **headers: str) -> str | int:
    response = client.get(ME, headers={name.replace("_", "-"): v for name, v in headers.items()})
    name: str = response.json().get("user", {}).get("username", "")
    return name or response.status_code


@pytest.fixture
def everywhere(ada: User, bob: User) -> tuple[Client, str, str]:
    """ada's cookie, bob's access token, and a user carol's."""
    from tests.factories import UserFactory

    UserFactory(username="carol")
    return by_page("ada"), by_api("bob")["access"], by_api("carol")["access"]


def test_the_bearer_header_wins_over_the_others(everywhere: tuple[Client, str, str]) -> None:
    browser, bob, carol = everywhere
    assert who(browser) == "ada"
    assert who(browser, X_Session_Token=carol) == "carol"
    assert who(browser, X_Session_Token=carol, Authorization=f"Bearer {bob}") == "bob"
    assert who(browser, Authorization=f"bearer  {bob}") == "bob"


@pytest.mark.parametrize("broken", ["", "x", "a.b.c", "null"])
def test_a_broken_header_never_falls_back(everywhere: tuple[Client, str, str], broken: str) -> None:
    browser, bob, carol = everywhere
    assert who(browser, X_Session_Token=broken) == 401
    assert who(browser, X_Session_Token=carol, Authorization=f"Bearer {broken}") == 401
    assert who(Client(), X_Session_Token=bob, Authorization=f"Bearer {bob}, Bearer {bob}") == 401


def test_other_kinds_of_authorization_are_not_tickets(
    everywhere: tuple[Client, str, str],
) -> None:
    browser, *_ = everywhere
    assert who(browser, Authorization="Basic YWRhOng=") == "ada"


@pytest.mark.django_db(transaction=True)
async def test_async_requests_take_the_same_tickets(ada: User) -> None:
    from asgiref.sync import sync_to_async

    access = (await sync_to_async(by_api)("ada"))["access"]
    client = AsyncClient()
    good = await client.get(ME, headers=bearer(access))
    bad = await client.get(ME, headers=bearer(access + "x"))
    assert (good.status_code, bad.status_code) == (200, 401)


def test_the_ticket_names_user_and_session(ada: User) -> None:
    tokens = by_api("ada")
    for kind in ("access", "refresh"):
        claims = claims_of(tokens[kind])
        assert claims["sub"] == str(ada.pk)
        assert claims["sid"] == tokens["session_id"]
        assert claims["typ"] == kind
        assert claims["iss"] == claims["aud"] == "gradiosession"
        assert claims["iat"] == claims["nbf"]
    assert tokens["expires_in"] == 15 * 60
    assert claims_of(tokens["access"])["exp"] - claims_of(tokens["access"])["iat"] == 15 * 60


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(ada: User) -> None:
    cookie = by_page("ada").cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie["domain"] == ""
    assert not cookie["secure"]  # plain HTTP in development


@override_settings(SESSION_COOKIE_SECURE=True, SESSION_COOKIE_NAME="__Host-session")
def test_over_https_the_cookie_has_the_host_prefix(ada: User) -> None:
    cookie = by_page("ada").cookies["__Host-session"]
    # What browsers demand of a cookie with this prefix.
    assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
    assert cookie["httponly"]


def test_without_remember_me_the_cookie_ends_with_the_browser(ada: User) -> None:
    cookie = by_page("ada").cookies[COOKIE]
    assert (cookie["max-age"], cookie["expires"]) == ("", "")
    lasting = by_page("ada", remember="on").cookies[COOKIE]
    assert lasting["max-age"] >= settings.SESSION_COOKIE_AGE - 1
    assert by_api("ada")  # the API has the same choice
    client = Client()
    by_api("ada", client, remember=True)
    assert client.cookies[COOKIE]["max-age"] >= settings.SESSION_COOKIE_AGE - 1


def test_the_ticket_lives_as_long_as_the_session_may_rest(ada: User) -> None:
    claims = claims_of(cookie_of(by_page("ada")))
    assert claims["exp"] - claims["iat"] == settings.SESSION_COOKIE_AGE


def test_the_cookie_renews_itself_after_a_tenth_of_its_life(ada: User, clock: ModuleType) -> None:
    browser = by_page("ada")
    first = cookie_of(browser)
    clock.shift(settings.SESSION_COOKIE_AGE * 0.09)
    assert COOKIE not in browser.get(ME).cookies
    clock.shift(settings.SESSION_COOKIE_AGE * 0.02)
    assert COOKIE in browser.get(ME).cookies
    second = cookie_of(browser)
    assert claims_of(second)["sid"] == claims_of(first)["sid"]
    assert claims_of(second)["exp"] > claims_of(first)["exp"]


def test_who_is_active_stays_in_until_the_absolute_limit(ada: User, clock: ModuleType) -> None:
    browser = by_page("ada")
    step = settings.SESSION_COOKIE_AGE * 0.8
    stayed = 0.0
    while stayed + step < settings.SESSIONSTATE_ABSOLUTE_AGE:
        clock.shift(step)
        stayed += step
        assert browser.get(ME).status_code == 200, f"thrown out after {stayed / HOUR:.1f} h"
    clock.shift(settings.SESSIONSTATE_ABSOLUTE_AGE - stayed + 1)
    assert browser.get(ME).status_code == 401


def test_who_rests_too_long_is_out(ada: User, clock: ModuleType) -> None:
    browser = by_page("ada")
    clock.shift(settings.SESSION_COOKIE_AGE + 60)
    assert browser.get(ME).status_code == 401


def test_a_stolen_cookie_does_not_outlive_the_idle_limit(ada: User, clock: ModuleType) -> None:
    browser, copy = by_page("ada"), Client()
    copy.cookies[COOKIE] = cookie_of(browser)
    for _ in range(3):
        clock.shift(settings.SESSION_COOKIE_AGE * 0.5)
        assert browser.get(ME).status_code == 200
    # The session lives on, the old ticket of it does not.
    assert copy.get(ME).status_code == 401


def test_an_access_token_expires(ada: User, clock: ModuleType) -> None:
    access = by_api("ada")["access"]
    clock.shift(15 * 60 - 1)
    assert status(access) == 200
    clock.shift(12)  # over the leeway
    assert status(access) == 401


def test_clocks_may_differ_by_a_little(ada: User, clock: ModuleType) -> None:
    access = by_api("ada")["access"]
    clock.shift(-5)
    assert status(access) == 200
    clock.shift(-60)
    assert status(access) == 401


def test_programs_get_no_cookie(ada: User, clock: ModuleType) -> None:
    access = by_api("ada")["access"]
    clock.shift(10 * 60)
    response = Client().get("/accounts/sessions/", headers=bearer(access))
    assert response.status_code == 200
    assert COOKIE not in response.cookies


def test_tickets_never_outlive_the_absolute_limit(ada: User, clock: ModuleType) -> None:
    from sessionstate import logins

    with override_settings(SESSIONSTATE_ABSOLUTE_AGE=600):
        tokens, browser = by_api("ada"), by_page("ada", remember="on")
        ends = {login.id: login.expires.timestamp() for login in logins.for_user(ada.pk)}
    assert tokens["expires_in"] <= 600
    for token in (tokens["access"], tokens["refresh"], cookie_of(browser)):
        claims = claims_of(token)
        assert claims["exp"] <= ends[claims["sid"]] + 1


def test_a_visitor_without_a_session_gets_no_cookie(db: None) -> None:
    response = Client().get("/accounts/login/")
    assert response.status_code == 200
    assert COOKIE not in response.cookies


def test_a_dead_cookie_is_taken_back(ada: User) -> None:
    browser = Client()
    browser.cookies[COOKIE] = signed(claims_of(cookie_of(by_page("ada"))), sid="a" * 32)
    answer = browser.get("/accounts/login/")
    assert answer.cookies[COOKIE]["max-age"] == 0
