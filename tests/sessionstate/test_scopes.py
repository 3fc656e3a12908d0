"""What a callback may rely on: `Session`, `UserState`, `TabState`, on every backend."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.test import override_settings

from sessionstate import Session, TabState, UserState, clock, logins
from sessionstate.backends.base import Backend
from sessionstate.engine import SessionStore
from sessionstate.errors import LockTimeout, NotStorable, SessionGone, StateTooLarge, Unreadable

pytestmark = pytest.mark.usefixtures("backend")


def signed_in(user_id: str = "7", **values: Any) -> SessionStore:
    store = SessionStore()
    store["_auth_user_id"] = user_id
    store.update(values)
    store.save()
    return store


def session(store: SessionStore) -> Session:
    assert store.session_key
    return Session(store.session_key)


def test_a_callback_and_a_view_see_the_same_session() -> None:
    store = signed_in(color="red")
    callback = session(store)
    assert callback["color"] == "red"
    callback["color"] = "blue"
    callback.save()
    assert SessionStore(store.session_key)["color"] == "blue"


def test_framework_keys_are_neither_seen_nor_changed() -> None:
    callback = session(signed_in(color="red"))
    assert list(callback) == ["color"]
    assert len(callback) == 1
    assert "_auth_user_id" not in callback
    assert callback.get("_auth_user_id") is None
    assert list(callback.sizes) == ["color"]
    with pytest.raises(NotStorable, match="_auth_user_id"):
        callback["_auth_user_id"] = "1"
    with pytest.raises(KeyError):
        del callback["_auth_user_id"]
    callback.clear()
    callback.save()
    assert session(SessionStore(callback.id)).user_id == "7"


def test_only_changed_keys_are_written_so_two_writers_both_win() -> None:
    store = signed_in(a=1, b=1)
    one, two = session(store), session(store)
    one["a"], two["b"] = one["a"] + 1, two["b"] + 1
    one["only_one"] = True
    one.save()
    two.save()
    assert dict(session(store)) == {"a": 2, "b": 2, "only_one": True}


def test_a_change_inside_a_nested_value_is_saved() -> None:
    store = signed_in(history=[{"role": "user"}])
    callback = session(store)
    assert not callback.changed
    callback["history"][0]["role"] = "assistant"
    assert callback.changed
    callback.save()
    assert not callback.changed
    callback["history"].append({"role": "user"})
    callback.save()
    assert session(store)["history"] == [{"role": "assistant"}, {"role": "user"}]


def test_reading_writes_nothing() -> None:
    store = signed_in(history=[1], name="ada")
    callback = session(store)
    assert (callback["history"], callback["name"]) == ([1], "ada")
    callback.save()
    assert session(store).info is None
    assert store.info is not None
    callback.load()
    assert callback.info is not None and callback.info.version == store.info.version


def test_a_deleted_key_is_gone_and_can_be_set_again() -> None:
    store = signed_in(a=1, b=2)
    callback = session(store)
    del callback["a"]
    assert "a" not in callback
    callback.save()
    assert dict(session(store)) == {"b": 2}
    callback["a"] = 3
    callback.save()
    assert dict(session(store)) == {"a": 3, "b": 2}
    with pytest.raises(KeyError):
        del callback["nothing"]


def test_a_save_after_a_revoke_raises_and_the_session_stays_dead() -> None:
    store = signed_in(a=1)
    callback = session(store)
    callback["a"] = 2
    assert logins.revoke(callback.id)
    with pytest.raises(SessionGone):
        callback.save()
    with pytest.raises(SessionGone):
        callback.load()
    store["a"] = 3
    with pytest.raises(SessionGone):
        store.save()
    assert not SessionStore().exists(callback.id)


@pytest.mark.parametrize(
    "value",
    [object(), lambda: 1, open, iter([]), {"deep": [object()]}],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_cannot_be_stored_raises_at_once_and_names_the_key(value: object) -> None:
    store = signed_in(model="old")
    callback = session(store)
    with pytest.raises(NotStorable, match="model") as refused:
        callback["model"] = value
    assert type(value).__name__ in str(refused.value)
    assert callback["model"] == "old"
    callback.save()
    assert dict(session(store)) == {"model": "old"}


@pytest.mark.parametrize("key", [1, None, ("a",), "", "k" * 256, "a\x00b", "\ud800"], ids=repr)
def test_a_key_that_cannot_be_stored_is_refused(key: Any) -> None:
    callback = session(signed_in())
    with pytest.raises(NotStorable):
        callback[key] = 1


def test_an_object_put_into_a_stored_list_is_found_by_the_save() -> None:
    store = signed_in(items=[1], other=1)
    callback = session(store)
    callback["items"].append(object())
    callback["other"] = 2
    with pytest.raises(NotStorable, match="items"):
        callback.save()
    assert dict(session(store)) == {"items": [1], "other": 1}


@override_settings(SESSIONSTATE_MAX_BYTES=1000)
def test_nothing_is_lost_at_the_size_limit() -> None:
    store = signed_in(a="x" * 100)
    callback = session(store)
    callback["a"] = "y"
    callback["b"] = "x" * 1000
    with pytest.raises(StateTooLarge):
        callback.save()
    assert dict(session(store)) == {"a": "x" * 100}
    del callback["b"]
    callback.save()
    assert dict(session(store)) == {"a": "y"}


def test_a_damaged_value_names_its_key_and_the_others_stay_readable(backend: Backend) -> None:
    store = signed_in(good=1)
    callback = session(store)
    callback.load()
    record = callback._record
    backend.save(record.address, {"bad": b"\x07junk"}, record._stamp(), limit=10**6)
    callback.load()
    assert callback["good"] == 1
    assert "bad" in callback
    with pytest.raises(Unreadable, match="bad"):
        callback["bad"]
    callback["bad"] = "mended"
    callback.save()
    assert session(store)["bad"] == "mended"


def test_atomic_reads_the_newest_and_saves_at_the_end() -> None:
    store = signed_in(n=1)
    one, two = session(store), session(store)
    assert one["n"] == two["n"] == 1
    for callback in (one, two):
        with callback.atomic():
            callback["n"] += 1
    assert session(store)["n"] == 3


def test_an_atomic_block_that_raises_saves_nothing_of_it() -> None:
    store = signed_in(n=1, m=1)
    callback = session(store)
    callback["m"] = 2
    with pytest.raises(ZeroDivisionError), callback.atomic():
        callback["n"] = 2
        callback["n"] / 0
    assert (callback["n"], callback["m"]) == (1, 2)
    callback.save()
    assert dict(session(store)) == {"n": 1, "m": 2}
    with callback.atomic():  # and it let go of the lock
        callback["n"] = 5


@override_settings(SESSIONSTATE_LOCK_TIMEOUT=0.1)
def test_who_does_not_get_the_lock_in_time_is_told() -> None:
    store = signed_in(n=1)
    one, two = session(store), session(store)
    with one.atomic(), pytest.raises(LockTimeout), two.atomic():
        pass


def test_atomic_outliving_its_lock_does_not_overwrite_the_next_holder(backend: Backend) -> None:
    store = signed_in(n=1)
    callback = session(store)
    with pytest.raises(LockTimeout), callback.atomic():
        callback["n"] = 100
        clock.shift(60)
        # What another process does meanwhile; in this one, waiters would queue behind us.
        address = callback._record.address
        assert backend.lock(address, "another process", 10)
    assert session(store)["n"] == 1
    assert not backend.lock(address, "a third", 10)  # nor was its lock taken from it


async def test_async_callbacks_load_and_save_without_blocking() -> None:
    store = SessionStore()
    await store.aset("n", 1)
    await store.asave()
    callback = session(store)
    with pytest.raises(SynchronousOnlyOperation):
        callback["n"]
    await callback.aload()
    callback["n"] += 1
    await callback.asave()
    async with callback.atomic():
        callback["n"] += 1
    again = session(store)
    await again.aload()
    assert again["n"] == 3
    await logins.arevoke(again.id)
    with pytest.raises(SessionGone):
        await again.aload()
    callback["n"] = 9
    with pytest.raises(SessionGone):
        await callback.asave()


def test_user_state_is_one_on_every_device_and_outlives_sessions() -> None:
    phone, desk = UserState(7), UserState("7")
    assert dict(phone) == {}
    phone["theme"] = "dark"
    phone.save()
    desk["lang"] = "pl"
    desk.save()
    clock.shift(400 * 24 * 3600)
    assert dict(UserState(7)) == {"theme": "dark", "lang": "pl"}
    assert dict(UserState(8)) == {}


def test_deleted_user_state_does_not_come_back_with_the_next_save() -> None:
    state = UserState(7)
    state["old"] = 1
    state.save()
    state.load()
    state._record.backend.delete(state._record.address)
    state["new"] = 2
    state.save()
    assert dict(UserState(7)) == {"new": 2}


def test_atomic_works_on_a_user_state_that_is_not_there_yet() -> None:
    for _ in range(2):
        state = UserState(7)
        with state.atomic():
            state["n"] = state.get("n", 0) + 1
    assert UserState(7)["n"] == 2


def test_tab_state_is_the_tabs_own_and_ends_with_the_session() -> None:
    store = signed_in()
    assert store.session_key
    left, right = TabState(store.session_key, "left"), TabState(store.session_key, "right")
    left["step"] = 1
    left.save()
    assert dict(right) == {}
    assert dict(TabState(store.session_key, "left")) == {"step": 1}
    assert dict(TabState("x" * 32, "left")) == {}
    store.flush()
    assert dict(TabState(left._record.info.owner, "left")) == {}  # type: ignore[union-attr]


def test_idle_and_absolute_limits() -> None:
    with override_settings(SESSION_COOKIE_AGE=100, SESSIONSTATE_ABSOLUTE_AGE=250):
        store = signed_in(a=1)
        for _ in range(2):
            clock.shift(90)
            again = SessionStore(store.session_key)
            assert again["a"] == 1
            again.touch_if_due()
        clock.shift(60)
        assert SessionStore(store.session_key)["a"] == 1
        clock.shift(20)  # 260 s after the sign-in, 80 s after the last use
        assert "a" not in SessionStore(store.session_key)


def test_a_custom_expiry_is_kept_on_every_save() -> None:
    store = signed_in()
    store.set_expiry(timedelta(seconds=50))
    store.save()
    clock.shift(40)
    callback = session(store)
    callback["a"] = 1
    callback.save()
    clock.shift(20)
    assert not store.exists(store.session_key)


def test_a_new_id_keeps_the_data_and_the_old_one_is_dead() -> None:
    store = signed_in(a=[1])
    old = store.session_key
    store["a"].append(2)
    store.cycle_key()
    assert store.session_key != old
    assert not store.exists(old)
    assert SessionStore(store.session_key)["a"] == [1, 2]


def test_logins_are_listed_and_revoked_by_user() -> None:
    mine = [signed_in("7") for _ in range(3)]
    other = signed_in("8")
    assert {login.id for login in logins.for_user(7)} == {store.session_key for store in mine}
    assert len(logins.live()) == 4
    assert logins.revoke_user(7, except_id=mine[0].session_key) == 2
    assert [login.id for login in logins.for_user(7)] == [mine[0].session_key]
    assert logins.revoke(str(other.session_key))
    assert not logins.revoke(str(other.session_key))


def test_ids_and_values_are_not_in_any_repr() -> None:
    store = signed_in(secret="hunter2")
    callback = session(store)
    assert callback["secret"] == "hunter2"
    for shown in (repr(callback), repr(callback._record.values), str(callback)):
        assert "hunter2" not in shown
        assert str(store.session_key) not in shown


@override_settings(SESSIONSTATE_RESERVED_PREFIXES=("account_",))
def test_keys_of_third_party_apps_can_be_reserved_too() -> None:
    store = signed_in(account_verified_email="ada@example.org", account="mine")
    callback = session(store)
    assert dict(callback) == {"account": "mine"}
    with pytest.raises(NotStorable, match="account_verified_email"):
        callback["account_verified_email"] = "eve@example.org"
