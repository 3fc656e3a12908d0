"""A name belongs to the session that used it first, on every backend."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from django.db import connections
from django.test import override_settings

from sessionstate import clock, logins
from sessionstate.backends import get_backend
from sessionstate.backends.base import Backend, Kind
from sessionstate.claims import claim
from sessionstate.engine import SessionStore


def login() -> str:
    session = SessionStore()
    session.create()
    assert session.session_key
    return session.session_key


def test_the_first_has_it_and_keeps_it(backend: Backend) -> None:
    ada, bob = login(), login()
    assert claim("page", ada)
    assert not claim("page", bob)
    assert claim("page", ada)
    assert claim("another page", bob)


def test_of_many_at_once_one_gets_it(backend: Backend) -> None:
    sessions = [login() for _ in range(6)]

    def attempt(session_id: str) -> bool:
        try:
            return claim("page", session_id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(attempt, sessions))
    assert won.count(True) == 1


def test_a_claim_ends_with_its_session(backend: Backend) -> None:
    ada, bob = login(), login()
    claim("page", ada)
    logins.revoke(ada)
    assert backend.infos(Kind.CLAIM) == []
    assert claim("page", bob)


def test_a_claim_that_is_used_stays_and_one_that_is_not_ends(backend: Backend) -> None:
    ada, bob = login(), login()
    with override_settings(SESSIONSTATE_CLAIM_AGE=1000):
        claim("used", ada)
        claim("unused", ada)
        clock.shift(600)
        assert claim("used", ada)
        clock.shift(600)
        assert not claim("used", bob)
        assert get_backend().purge() == 1
        assert claim("unused", bob)


def test_a_name_may_be_anything(backend: Backend) -> None:
    ada, bob = login(), login()
    for name in ("", "x" * 1_000_000, "\ud800", "a/b:c\n\0"):
        assert claim(name, ada)
        assert not claim(name, bob)
