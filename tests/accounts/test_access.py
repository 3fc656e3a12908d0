"""The gate keeps what it has read of a user, and no change of what the user may do is missed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts import access
from accounts.identity import Identity, NotAuthenticated, aidentify
from sessionstate import logins
from sessionstate.backends import get_backend
from sessionstate.errors import StoreUnavailable
from tests.accounts.helpers import bearer, by_api
from tests.accounts.test_access_changed import ANYBODY, ONE, ONE_OF_GROUP
from tests.factories import PASSWORD, GroupFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

Identify = Callable[[], Identity]


@pytest.fixture
def identify(transactional_db: None, settings: Any) -> Identify:
    """As the gate sees ada, who has signed in."""
    settings.SESSIONSTATE_BACKEND = "memory"
    UserFactory(username="ada", groups=["analysts"])
    headers = bearer(by_api("ada")["access"])
    return lambda: async_to_sync(aidentify)(headers, {})


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of all threads."""
    found: list[str] = []
    execute = CursorWrapper.execute

    def noted(self: CursorWrapper, sql: Any, params: Any = None) -> Any:
        found.append(sql)
        return execute(self, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", noted)
    return found


def test_a_known_user_costs_no_query(identify: Identify, queries: list[str]) -> None:
    identify()
    assert len(queries) == 2, "the user and the groups"
    queries.clear()
    for _ in range(3):
        found = identify()
    assert found.groups == {"analysts"}
    assert found.user.get_username() == "ada"
    assert queries == []


def now(user: User) -> tuple[Any, ...]:
    user = User.objects.get(pk=user.pk)
    return user.is_staff, user.is_superuser, set(user.groups.values_list("name", flat=True))


@pytest.mark.parametrize("name", [*ONE, *ONE_OF_GROUP, *ANYBODY])
def test_every_change_counts_at_once(identify: Identify, name: str) -> None:
    ada, group = User.objects.get(username="ada"), GroupFactory(name="editors")
    if name in ONE_OF_GROUP or name in ANYBODY:
        group.user_set.add(ada)
    identify()
    (ONE | ONE_OF_GROUP | ANYBODY)[name](ada, group)
    stays = User.objects.filter(pk=ada.pk, is_active=True).exists() and name != "new password"
    if not stays:
        with pytest.raises(NotAuthenticated) as caught:
            identify()
        assert caught.value.code in ("nobody", "ended")
        return
    found = identify()
    user: Any = found.user
    assert (user.is_staff, user.is_superuser, found.groups) == now(ada)


def test_a_copy_read_before_a_change_never_counts_after_it(identify: Identify) -> None:
    ada = User.objects.get(username="ada")
    backend = "allauth.account.auth_backends.AuthenticationBackend"

    def marks() -> access.Marks:
        return access.marks(get_backend().load_many(access.addresses(str(ada.pk))))

    # A reader comes between the change and the moment it is said; it keeps what is old.
    before = marks()
    old = access.read(str(ada.pk), backend, before)
    ada.groups.clear()
    assert access.known(str(ada.pk), backend, before) == old
    assert access.known(str(ada.pk), backend, marks()) is None
    assert identify().groups == frozenset()


def test_what_nobody_could_see_counts_when_the_copy_is_old(
    identify: Identify, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = time.monotonic()
    monkeypatch.setattr(access, "time", SimpleNamespace(monotonic=lambda: moment))
    settings.ACCOUNTS_REREAD_AFTER = 30
    identify()
    wrappers, connection.execute_wrappers[:] = list(connection.execute_wrappers), []
    User.objects.update(is_active=False)
    connection.execute_wrappers[:] = wrappers
    moment += 29
    identify()
    moment += 1
    with pytest.raises(NotAuthenticated):
        identify()


def test_it_is_a_user_of_ones_own(identify: Identify) -> None:
    first, second = identify().user, identify().user
    assert type(first) is User
    assert first == second
    assert first is not second
    ada = User.objects.get(username="ada")
    password = ada.password
    second.first_name = "Ada"
    second.save()
    ada.refresh_from_db()
    assert (ada.first_name, ada.password) == ("Ada", password)
    assert second.check_password(PASSWORD), "read when it is asked for"


def test_the_hash_of_an_old_secret_key_is_made_anew(identify: Identify, settings: Any) -> None:
    identify()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "n" * 60
    assert identify().user.get_username() == "ada"
    assert identify().groups == {"analysts"}


def test_a_revoked_session_is_over_for_a_known_user(identify: Identify) -> None:
    logins.revoke(str(identify().session.session_key))
    with pytest.raises(NotAuthenticated) as caught:
        identify()
    assert caught.value.code == "ended"


def test_a_change_stands_when_it_cannot_be_said(
    identify: Identify, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def down(*args: Any, **kwargs: Any) -> Any:
        raise StoreUnavailable("down")

    monkeypatch.setattr(type(get_backend()), "save", down)
    User.objects.get(username="ada").groups.clear()
    assert not User.objects.get(username="ada").groups.exists()
    assert "counts in 60 seconds only" in caplog.text


def test_many_at_once_read_a_user_and_nobody_gets_another(transactional_db: None) -> None:
    people = [UserFactory(username=f"p{n}", groups=[f"g{n}"]) for n in range(4)]
    headers = [bearer(by_api(user.username)["access"]) for user in people]

    async def ask() -> list[Identity]:
        asked: list[Awaitable[Identity]] = [aidentify(headers[n % 4], {}) for n in range(40)]
        return await asyncio.gather(*asked)

    for number, found in enumerate(async_to_sync(ask)()):
        assert found.user.get_username() == f"p{number % 4}"
        assert found.groups == {f"g{number % 4}"}
