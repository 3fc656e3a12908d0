"""At most so many logins of a user, on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.auth import SESSION_KEY
from django.db import connections
from django.test import override_settings

from sessionstate import clock, logins
from sessionstate.backends.base import Backend
from sessionstate.engine import SessionStore
from sessionstate.limit import NO_LOGIN

MOST = 3


@pytest.fixture(autouse=True)
def at_most(backend: Backend) -> Iterator[None]:
    with override_settings(SESSIONSTATE_MAX_PER_USER=MOST):
        yield


def sign_in(user: str = "7") -> str:
    """As `django.contrib.auth.login` does it for a visitor."""
    session = SessionStore()
    session.cycle_key()
    session[SESSION_KEY] = user
    session.save()
    assert session.session_key
    clock.shift(1)
    return session.session_key


def live(user: str = "7") -> set[str]:
    return {login.id for login in logins.for_user(user)}


def test_one_more_ends_the_oldest(backend: Backend) -> None:
    other = sign_in("8")
    sessions = [sign_in() for _ in range(MOST + 2)]
    assert live() == set(sessions[-MOST:])
    assert live("8") == {other}


async def test_async_sign_ins_are_counted_too(backend: Backend) -> None:
    for _ in range(MOST + 1):
        session = SessionStore()
        await session.acycle_key()
        session[SESSION_KEY] = "7"
        await session.asave()
    assert len(await logins.afor_user("7")) == MOST


def test_use_of_an_old_login_ends_none(backend: Backend) -> None:
    sessions = [sign_in() for _ in range(MOST)]
    rotated = SessionStore(sessions[1])
    assert SESSION_KEY in rotated
    rotated.create()  # a new id for who is signed in already: after a change of the password, say
    old = SessionStore(sessions[0])
    old["x"] = 1
    old.save()
    assert live() == {*sessions, rotated.session_key}
    last = sign_in()
    assert last in live() and len(live()) == MOST


def test_zero_is_no_limit(backend: Backend) -> None:
    with override_settings(SESSIONSTATE_MAX_PER_USER=0):
        sessions = [sign_in() for _ in range(MOST + 2)]
        assert live() == set(sessions)


def test_the_sessions_of_api_keys_do_not_count(backend: Backend) -> None:
    program = SessionStore()
    program[SESSION_KEY], program[NO_LOGIN] = "7", 1
    program.create()
    sessions = [sign_in() for _ in range(MOST + 1)]
    assert live() == {*sessions[1:], program.session_key}


def test_a_race_leaves_exactly_so_many(backend: Backend) -> None:
    count = 20
    start = Barrier(count)

    def one(_: int) -> str:
        session = SessionStore()
        session.cycle_key()
        session[SESSION_KEY] = "7"
        try:
            start.wait(30)
            session.save()
            return str(session.session_key)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        sessions = set(pool.map(one, range(count)))
    assert len(sessions) == count
    assert len(live()) == MOST
    assert live() <= sessions
