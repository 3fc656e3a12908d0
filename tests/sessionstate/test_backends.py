"""The contract of `sessionstate.backends.base`, on every backend."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from sessionstate import clock
from sessionstate.backends import db
from sessionstate.backends.base import NEVER, Address, Backend, Info, Kind, Snapshot, Stamp
from sessionstate.backends.db.grouped import Save, Saved
from sessionstate.clock import timestamp
from sessionstate.errors import (
    LockTimeout,
    SessionExists,
    SessionGone,
    StateTooLarge,
    VersionConflict,
)

A = Address(Kind.SESSION, "a" * 32)
B = Address(Kind.SESSION, "b" * 32)
LIMIT = 1000


def stamp(age: float = 60, **rest: str) -> Stamp:
    return Stamp(used=timestamp(), expires=timestamp() + age, **rest)


def create(backend: Backend, address: Address = A, age: float = 60, **values: bytes) -> Info:
    return backend.create(address, values, stamp(age, owner="7"), limit=LIMIT)


def loaded(backend: Backend, address: Address = A) -> Snapshot:
    snapshot = backend.load(address)
    assert snapshot is not None
    return snapshot


def test_what_was_created_is_loaded(backend: Backend) -> None:
    marked = Stamp(timestamp(), timestamp() + 60, owner="7", ip="10.0.0.1", user_agent="Firefox")
    info = backend.create(A, {"k": b"v", "empty": b""}, marked, limit=LIMIT)
    snapshot = loaded(backend)
    assert dict(snapshot.values) == {"k": b"v", "empty": b""}
    assert snapshot.info == info
    assert (info.owner, info.ip, info.user_agent) == ("7", "10.0.0.1", "Firefox")
    assert (info.version, info.size) == (1, len("k") + len("v") + len("empty"))
    assert info.created == pytest.approx(marked.used, abs=0.001)
    assert info.expires == pytest.approx(marked.expires, abs=0.001)


def test_nothing_is_loaded_where_nothing_was_created(backend: Backend) -> None:
    assert backend.load(A) is None


def test_an_id_is_created_once(backend: Backend) -> None:
    create(backend, k=b"old")
    with pytest.raises(SessionExists):
        create(backend, k=b"new")
    assert loaded(backend).values["k"] == b"old"


def test_an_expired_id_can_be_created_again_and_holds_nothing_old(backend: Backend) -> None:
    create(backend, age=10, old=b"1")
    clock.shift(11)
    create(backend, new=b"2")
    assert dict(loaded(backend).values) == {"new": b"2"}


def test_the_same_id_of_two_kinds_is_two_records(backend: Backend) -> None:
    create(backend, k=b"session")
    create(backend, Address(Kind.USER, A.id), k=b"user")
    assert loaded(backend).values["k"] == b"session"


def test_a_save_writes_the_named_keys_and_leaves_the_others(backend: Backend) -> None:
    create(backend, a=b"1", b=b"2", c=b"3")
    info = backend.save(A, {"a": b"11", "b": None, "d": b"4"}, stamp(), limit=LIMIT)
    assert dict(loaded(backend).values) == {"a": b"11", "c": b"3", "d": b"4"}
    assert loaded(backend).info == info
    assert (info.version, info.size, info.owner) == (2, 7, "7")


def test_removing_a_key_that_is_not_there_is_nothing(backend: Backend) -> None:
    create(backend, a=b"1")
    assert backend.save(A, {"x": None}, stamp(), limit=LIMIT).size == 2


def test_a_save_of_a_record_that_is_gone_raises_and_does_not_bring_it_back(
    backend: Backend,
) -> None:
    create(backend, a=b"1")
    backend.delete(A)
    with pytest.raises(SessionGone):
        backend.save(A, {"a": b"2"}, stamp(), limit=LIMIT)
    assert backend.load(A) is None


def test_a_record_ends_when_its_time_has_come(backend: Backend) -> None:
    create(backend, age=10, a=b"1")
    clock.shift(9)
    assert backend.load(A) is not None
    clock.shift(2)
    assert backend.load(A) is None
    with pytest.raises(SessionGone):
        backend.save(A, {"a": b"2"}, stamp(), limit=LIMIT)
    assert backend.touch(A, stamp()) is False
    assert backend.delete(A) is None
    assert backend.infos(Kind.SESSION) == []


@pytest.mark.parametrize("age", [0, -10])
def test_a_lifetime_of_zero_or_less_ends_the_record(backend: Backend, age: float) -> None:
    create(backend, a=b"1")
    backend.save(A, {"a": b"2"}, stamp(age), limit=LIMIT)
    assert backend.load(A) is None
    create(backend, B, age=age)
    assert backend.load(B) is None


def test_a_record_without_an_end_stays(backend: Backend) -> None:
    address = Address(Kind.USER, "7")
    backend.create(address, {"a": b"1"}, Stamp(timestamp(), NEVER), limit=LIMIT)
    clock.shift(50 * 365 * 24 * 3600)
    backend.purge()
    assert loaded(backend, address).info.expires == NEVER


def test_a_touch_moves_the_end_and_writes_no_version(backend: Backend) -> None:
    create(backend, age=10, a=b"1")
    clock.shift(5)
    assert backend.touch(A, stamp(10, ip="10.0.0.2"))
    clock.shift(7)
    info = loaded(backend).info
    assert (info.version, info.owner, info.ip) == (1, "7", "10.0.0.2")


def test_deleting_says_what_it_was(backend: Backend) -> None:
    info = create(backend, a=b"1")
    assert backend.delete(A) == info
    assert backend.delete(A) is None
    assert backend.load(A) is None


def test_a_save_over_the_limit_changes_nothing(backend: Backend) -> None:
    create(backend, a=b"1" * 500)
    with pytest.raises(StateTooLarge) as refused:
        backend.save(A, {"a": b"2", "b": b"x" * 1500}, stamp(), limit=LIMIT)
    assert refused.value.limit == LIMIT
    assert refused.value.size > LIMIT
    assert dict(loaded(backend).values) == {"a": b"1" * 500}
    assert loaded(backend).info.version == 1


def test_creating_over_the_limit_creates_nothing(backend: Backend) -> None:
    with pytest.raises(StateTooLarge):
        create(backend, a=b"x" * LIMIT)
    assert backend.load(A) is None


def test_a_record_that_is_too_large_already_may_shrink(backend: Backend) -> None:
    backend.create(A, {"a": b"x" * 2000, "b": b"y"}, stamp(), limit=5000)
    info = backend.save(A, {"a": b"x" * 1500}, stamp(), limit=LIMIT)
    assert info.size == 1503
    with pytest.raises(StateTooLarge):
        backend.save(A, {"b": b"yy"}, stamp(), limit=LIMIT)


def test_a_version_that_is_not_the_stored_one_is_refused(backend: Backend) -> None:
    create(backend, a=b"1")
    backend.save(A, {"a": b"2"}, stamp(), limit=LIMIT, version=1)
    with pytest.raises(VersionConflict) as refused:
        backend.save(A, {"a": b"3"}, stamp(), limit=LIMIT, version=1)
    assert (refused.value.expected, refused.value.found) == (1, 2)
    assert loaded(backend).values["a"] == b"2"


def test_a_lock_has_one_holder(backend: Backend) -> None:
    assert backend.lock(A, "one", 10)
    assert not backend.lock(A, "two", 10)
    assert backend.lock(B, "two", 10)
    backend.unlock(A, "two")
    assert not backend.lock(A, "two", 10)
    backend.unlock(A, "one")
    assert backend.lock(A, "two", 10)


def test_a_silent_holder_loses_the_lock_and_cannot_save(backend: Backend) -> None:
    create(backend, a=b"1")
    assert backend.lock(A, "one", 10)
    backend.save(A, {"a": b"2"}, stamp(), limit=LIMIT, token="one")
    clock.shift(11)
    assert backend.lock(A, "two", 10)
    with pytest.raises(LockTimeout):
        backend.save(A, {"a": b"3"}, stamp(), limit=LIMIT, token="one")
    backend.unlock(A, "one")
    backend.save(A, {"a": b"4"}, stamp(), limit=LIMIT, token="two")
    assert loaded(backend).values["a"] == b"4"


def test_records_are_listed_by_kind_and_owner_in_pages(backend: Backend) -> None:
    for number in range(5):
        owner = "7" if number % 2 else "8"
        address = Address(Kind.SESSION, f"{number}" * 32)
        backend.create(address, {}, stamp(owner=owner), limit=LIMIT)
    backend.create(Address(Kind.USER, "7"), {}, stamp(owner="7"), limit=LIMIT)
    ids = [info.id[0] for info in backend.infos(Kind.SESSION)]
    assert ids == ["0", "1", "2", "3", "4"]
    assert [i.id[0] for i in backend.infos(Kind.SESSION, owner="7")] == ["1", "3"]
    first = backend.infos(Kind.SESSION, limit=2)
    assert [i.id[0] for i in first] == ["0", "1"]
    rest = backend.infos(Kind.SESSION, after=first[-1].id)
    assert [i.id[0] for i in rest] == ["2", "3", "4"]


def test_the_owner_follows_the_save_and_goes_with_the_record(backend: Backend) -> None:
    create(backend)
    backend.save(A, {}, stamp(owner="9"), limit=LIMIT)
    assert backend.infos(Kind.SESSION, owner="7") == []
    assert [i.id for i in backend.infos(Kind.SESSION, owner="9")] == [A.id]
    backend.delete(A)
    assert backend.infos(Kind.SESSION, owner="9") == []


def test_a_purge_removes_what_has_expired_and_nothing_else(backend: Backend) -> None:
    for number in range(7):
        create(backend, Address(Kind.SESSION, f"{number}" * 32), age=10, a=b"1")
    create(backend, age=100, a=b"1")
    clock.shift(11)
    backend.purge(batch=3)
    assert [info.id for info in backend.infos(Kind.SESSION)] == [A.id]
    clock.shift(-11)
    assert [info.id for info in backend.infos(Kind.SESSION)] == [A.id]


async def test_the_async_twins_do_the_same(backend: Backend) -> None:
    info = await backend.acreate(A, {"a": b"1"}, stamp(owner="7"), limit=LIMIT)
    snapshot = await backend.aload(A)
    assert snapshot == Snapshot(info, {"a": b"1"})
    with pytest.raises(SessionExists):
        await backend.acreate(A, {}, stamp(), limit=LIMIT)
    saved = await backend.asave(A, {"b": b"2"}, stamp(), limit=LIMIT, version=1)
    assert saved.version == 2
    assert await backend.atouch(A, stamp(100))
    assert await backend.alock(A, "one", 10)
    assert not await backend.alock(A, "two", 10)
    with pytest.raises(LockTimeout):
        await backend.asave(A, {"b": b"3"}, stamp(), limit=LIMIT, token="two")
    await backend.aunlock(A, "one")
    assert [i.id for i in await backend.ainfos(Kind.SESSION, owner="7")] == [A.id]
    await backend.aping()
    deleted = await backend.adelete(A)
    assert deleted is not None and deleted.version == 2
    assert await backend.aload(A) is None
    with pytest.raises(SessionGone):
        await backend.asave(A, {"a": b"1"}, stamp(), limit=LIMIT)
    assert await backend.apurge() == 0


def test_several_records_are_loaded_at_once_in_their_order(backend: Backend) -> None:
    user = Address(Kind.USER, A.id)
    create(backend, k=b"v", x=b"")
    create(backend, user)
    create(backend, B, age=5)
    expected = [loaded(backend, user), None, loaded(backend)]
    clock.shift(10)
    assert backend.load_many([user, B, A]) == expected
    assert backend.load_many([]) == []


async def test_several_records_are_loaded_at_once_in_async_code(backend: Backend) -> None:
    await backend.acreate(A, {"k": b"v"}, stamp(), limit=LIMIT)
    missing, found = await backend.aload_many([B, A])
    assert missing is None
    assert found == await backend.aload(A)
    assert await backend.aload_many([]) == []


async def test_loads_at_the_same_time_have_nothing_to_do_with_each_other(
    backend: Backend,
) -> None:
    await backend.acreate(A, {"k": b"v"}, stamp(), limit=LIMIT)
    odd = [Address(Kind.SESSION, name) for name in ("\x00", "\ud800")]
    loads = [backend.aload(address) for address in (B, A, *odd, B, A)]
    first, second, *others, fifth, sixth = await asyncio.gather(*loads, return_exceptions=True)
    assert second == sixth == await backend.aload(A)
    assert first is None and fifth is None
    # Not every database takes such ids.
    assert all(other is None or isinstance(other, Exception) for other in others)


async def test_saves_at_the_same_time_have_nothing_to_do_with_each_other(
    backend: Backend,
) -> None:
    for address in (A, B):
        await backend.acreate(address, {"k": b"v"}, stamp(), limit=LIMIT)
    missing, large = Address(Kind.SESSION, "missing"), {"large": b"x" * LIMIT}
    odd = Address(Kind.SESSION, "\ud800")
    saves = [
        backend.asave(A, {"first": b"1"}, stamp(), limit=LIMIT),
        backend.asave(A, {"second": b"2", "k": None}, stamp(), limit=LIMIT),
        backend.asave(missing, {"k": b"v"}, stamp(), limit=LIMIT),
        backend.asave(B, {"other": b"3"} | large, stamp(), limit=LIMIT),
        backend.asave(B, {"k": b"w"}, stamp(), limit=LIMIT, version=7),
        backend.asave(B, {"k": b"w"}, stamp(), limit=LIMIT, token="nobody's"),
        backend.asave(odd, {"k": b"v"}, stamp(), limit=LIMIT),
        backend.asave(B, {"k": b"z"}, stamp(), limit=LIMIT),
    ]
    found = await asyncio.gather(*saves, return_exceptions=True)
    refusals = [SessionGone, StateTooLarge, VersionConflict, LockTimeout]
    assert [type(one) for one in found[2:6]] == refusals
    assert isinstance(found[6], Exception)
    first, second = await backend.aload_many([A, B])
    assert first is not None and dict(first.values) == {"first": b"1", "second": b"2"}
    assert second is not None and dict(second.values) == {"k": b"z"}
    assert first.info.version == 3 and first.info.size == len("first1second2")
    assert (second.info, second.info.version) == (found[7], 2)


@pytest.mark.django_db(transaction=True)
async def test_saves_at_the_same_time_take_turns_as_one_writer_on_sqlite() -> None:
    backend = db.Backend()
    for address in (A, B):
        await backend.acreate(address, {}, stamp(), limit=LIMIT)
    together: list[int] = []
    save_all = backend._grouped._save_all

    def counted(saves: Sequence[Save]) -> list[Saved]:
        together.append(len(saves))
        return save_all(saves)

    backend._grouped._save_all = counted
    names = [f"key{number}" for number in range(20)]
    await asyncio.gather(
        *(backend.asave(A, {name: b"1"}, stamp(), limit=LIMIT) for name in names[:10]),
        *(backend.asave(B, {name: b"1"}, stamp(), limit=LIMIT) for name in names[10:]),
    )
    assert together == [1, 19]
    first, second = await backend.aload_many([A, B])
    assert first is not None and sorted(first.values) == sorted(names[:10])
    assert second is not None and second.info.version == 11


def test_it_tells_which_of_many_records_still_exist(backend: Backend) -> None:
    create(backend, A)
    create(backend, B, age=5)
    ids = [A.id, "missing", B.id]
    assert backend.living(A.kind, ids) == {A.id, B.id}
    clock.shift(10)
    assert backend.living(A.kind, ids) == {A.id}
    backend.delete(A)
    assert backend.living(A.kind, ids) == set()
    assert backend.living(A.kind, []) == set()


async def test_it_tells_in_async_code_which_records_still_exist(backend: Backend) -> None:
    await backend.acreate(A, {"k": b"v"}, stamp(), limit=LIMIT)
    assert await backend.aliving(A.kind, [A.id, B.id]) == {A.id}
    assert await backend.aliving(A.kind, []) == set()
