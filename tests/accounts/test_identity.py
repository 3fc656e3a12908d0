"""Ticket -> session -> user outside Django's middleware: the gate asks this for every event."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import override_settings

from accounts.identity import NotAuthenticated, aidentify
from sessionstate import logins
from sessionstate.engine import SessionStore
from sessionstate.tickets import get_scheme
from tests.accounts.helpers import bearer, by_api, by_page, claims_of, cookie_of, identify, signed


def code(headers: dict[str, str]) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        identify(headers, {})
    return caught.value.code


def test_it_gives_user_session_and_ticket(ada: User) -> None:
    tokens = by_api("ada")
    found = identify(bearer(tokens["access"]), {})
    assert found.user == ada
    assert found.session.session_key == found.ticket.session_id == tokens["session_id"]
    assert found.ticket.source == "bearer"
    browser = by_page("ada")
    cookies = {name: morsel.value for name, morsel in browser.cookies.items()}
    assert identify({}, cookies).ticket.source == "cookie"


def test_it_says_why_not(ada: User, bob: User) -> None:
    tokens = by_api("ada")
    claims = claims_of(tokens["access"])
    assert code({}) == "missing"
    assert code(bearer("x")) == "invalid"
    assert code(bearer(signed(claims, sub=str(bob.pk)))) == "foreign"
    assert code(bearer(signed(claims, sid="a" * 32))) == "ended"
    ada.is_active = False
    ada.save()
    assert code(bearer(tokens["access"])) == "nobody"
    ada.is_active = True
    ada.save()
    logins.revoke(tokens["session_id"])
    assert code(bearer(tokens["access"])) == "ended"


def test_a_new_password_ends_the_session(ada: User) -> None:
    tokens = by_api("ada")
    ada.set_password("something else")
    ada.save()
    assert code(bearer(tokens["access"])) == "nobody"
    assert not logins.for_user(ada.pk)


def test_a_visitors_session_is_nobody(db: None) -> None:
    visitor = SessionStore()
    visitor["x"] = 1
    visitor.save()
    cookie = get_scheme().cookie(visitor)
    assert cookie
    with pytest.raises(NotAuthenticated) as caught:
        identify({}, {cookie["key"]: cookie["value"]})
    assert caught.value.code == "nobody"


def test_a_changed_secret_key_keeps_the_session_under_its_id(ada: User) -> None:
    from django.conf import settings

    tokens = by_api("ada")
    old = settings.SECRET_KEY
    with override_settings(SECRET_KEY="n" * 60, SECRET_KEY_FALLBACKS=[old]):
        for _ in range(2):
            found = identify(bearer(tokens["access"]), {})
            assert found.session.session_key == tokens["session_id"]
    # What the session notes of the password is made with the new key now.
    with override_settings(SECRET_KEY="n" * 60, SECRET_KEY_FALLBACKS=[]):
        fresh = signed(claims_of(tokens["access"]))
        assert identify(bearer(fresh), {}).user == ada


@pytest.mark.django_db(transaction=True)
async def test_async_code_gets_the_same(transactional_db: None, ada: User) -> None:
    tokens = await sync_to_async(by_api)("ada")
    found = await aidentify(bearer(tokens["access"]), {})
    assert found.user.get_username() == "ada"
    with pytest.raises(NotAuthenticated):
        await aidentify(bearer("x"), {})


def test_it_costs_two_queries(ada: User, django_assert_max_num_queries: object) -> None:
    tokens = by_api("ada")
    with django_assert_max_num_queries(3):  # type: ignore[operator]
        identify(bearer(tokens["access"]), {})


def test_the_cookie_is_never_longer_than_browsers_take(ada: User) -> None:
    assert len(cookie_of(by_page("ada"))) < 1000
