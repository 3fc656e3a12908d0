"""Functions of the site may refuse a request its session, wherever it is presented."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import AsyncClient, Client, override_settings

from accounts.identity import NotAuthenticated
from accounts.programs import create_key
from sessionstate import logins
from sessionstate.engine import SessionStore
from tests.accounts.helpers import LOGIN, ME, bearer, by_api, by_page, identify, status

ADDRESS = "accounts.verifiers.same_address"
AGENT = "accounts.verifiers.same_user_agent"
PAGE = "/accounts/sessions/"


def not_on_sundays(session: SessionStore, request: HttpRequest) -> bool:
    """Refuses the sessions that say so, by header or by data."""
    assert session.session_key
    return "X-Refuse" not in request.headers and not session.get("refuse")


async def asynchronous(session: SessionStore, request: HttpRequest) -> bool:
    return not_on_sundays(session, request)


def failing(session: SessionStore, request: HttpRequest) -> bool:
    raise RuntimeError("the verifier's own mistake")


def forgetful(session: SessionStore, request: HttpRequest) -> None:
    """Says nothing."""


def using(*names: str) -> Any:
    return override_settings(
        SESSIONSTATE_VERIFIERS=[n if "." in n else f"{__name__}.{n}" for n in names]
    )


@pytest.mark.parametrize("name", ["not_on_sundays", "asynchronous"])
def test_a_verifier_refuses_api_and_pages(
    ada: User, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    browser, tokens = by_page("ada"), by_api("ada")
    with using(name):
        assert status(tokens["access"]) == status(client=browser) == 200
        assert browser.get(PAGE).status_code == 200
        refused = Client().get(ME, headers=bearer(tokens["access"]) | {"X-Refuse": "1"})
        assert (refused.status_code, refused.json()["detail"]) == (401, "Not authenticated")
        assert f"{name} refused session {tokens['session_id'][:8]}" in caplog.text
        assert tokens["session_id"] not in caplog.text
        page = browser.get(PAGE, headers={"X-Refuse": "1"})
        assert page["Location"].startswith(LOGIN)
    # It was this request that was refused; the session stands.
    assert status(tokens["access"]) == 200


@pytest.mark.parametrize("name", ["failing", "forgetful"])
def test_a_verifier_that_fails_refuses(
    ada: User, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = by_api("ada")
    with using("not_on_sundays", name):
        assert status(tokens["access"]) == 401
    assert name in caplog.text
    assert status(tokens["access"]) == 200


@pytest.mark.parametrize("name", ["not_on_sundays", "asynchronous"])
@pytest.mark.django_db(transaction=True)
async def test_async_requests_are_verified(ada: User, name: str) -> None:
    from asgiref.sync import sync_to_async

    tokens = await sync_to_async(by_api)("ada")
    with using(name):
        for headers, wanted in (({}, 200), ({"X-Refuse": "1"}, 302)):
            page = await AsyncClient().get(PAGE, headers=bearer(tokens["access"]) | headers)
            assert page.status_code == wanted
        session = SessionStore.for_ticket(SessionTicket(tokens["session_id"], ada.pk))
        assert await session.aget("_auth_user_id") is None, "no request, no session"
        assert session.ticket_error == "refused"


def SessionTicket(session_id: str, user_id: int) -> Any:
    from sessionstate.tickets import Ticket

    return Ticket(session_id, str(user_id), "bearer")


def test_who_forgets_the_request_is_refused(ada: User) -> None:
    tokens = by_api("ada")
    with using("not_on_sundays"), pytest.raises(NotAuthenticated) as caught:
        identify(bearer(tokens["access"]), {})
    assert caught.value.code == "refused"


def test_a_refresh_token_is_verified_too(ada: User) -> None:
    tokens = by_api("ada")
    body = {"refresh": tokens["refresh"]}
    with using("not_on_sundays"), override_settings(ACCOUNTS_REFRESH_SETTLE=0):
        post = Client().post
        refused = post("/api/auth/refresh", body, "application/json", headers={"X-Refuse": "1"})
        assert refused.status_code == 401
        assert post("/api/auth/refresh", body, "application/json").status_code == 200


def test_a_refused_api_key_keeps_its_session(ada: User) -> None:
    key, raw = create_key(ada, "night")
    assert status(raw) == 200
    key.refresh_from_db()
    with using("not_on_sundays"):
        assert Client().get(ME, headers=bearer(raw) | {"X-Refuse": "1"}).status_code == 401
        assert status(raw) == 200
    before = key.session_id
    key.refresh_from_db()
    assert key.session_id == before


def test_a_login_counts_only_at_its_address(ada: User) -> None:
    before = by_page("ada")
    with using(ADDRESS):
        here, tokens = Client(REMOTE_ADDR="192.0.2.1"), by_api("ada")
        by_page("ada", here)
        assert status(client=here) == status(tokens["access"]) == 200
        assert here.get(ME, REMOTE_ADDR="192.0.2.2").status_code == 401
        away = Client(REMOTE_ADDR="192.0.2.2")
        assert status(tokens["access"], away) == 401
        assert status(client=before) == 401, "it began before anybody looked"
        # The page takes the cookie back, and leads to a new sign-in.
        page = here.get(PAGE, REMOTE_ADDR="192.0.2.2", follow=True)
        assert page.status_code == 200 and page.redirect_chain
        by_page("ada", away)
        assert status(client=away) == 200
        assert status(create_key(ada, "night")[1], away) == 200, "keys begin with no sign-in"
    assert len(logins.for_user(ada.pk)) == 5


def test_a_login_counts_only_in_its_browser(ada: User) -> None:
    with using(AGENT):
        here = by_page("ada", Client(headers={"User-Agent": "Firefox \xff"}))
        assert status(client=here) == 200
        assert here.get(ME, headers={"User-Agent": "curl"}).status_code == 401
        assert here.get(ME, headers={"User-Agent": ""}).status_code == 401


def test_visitors_are_not_pinned(db: None) -> None:
    with using(ADDRESS, AGENT):
        assert Client().get(LOGIN).status_code == 200


def test_no_verifier_costs_nothing(ada: User) -> None:
    session = SessionStore.for_ticket(SessionTicket(by_api("ada")["session_id"], ada.pk))
    assert session.get("_auth_user_id") == str(ada.pk)
    assert session._request is None
