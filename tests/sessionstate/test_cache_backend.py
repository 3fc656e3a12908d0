"""The contract on every class of cache; writers that are paused, killed or too slow; eviction."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import caches

from sessionstate import clock
from sessionstate.backends.base import Address, Kind, size_of
from sessionstate.backends.cache import Backend
from sessionstate.backends.cache.cell import cell_name
from sessionstate.backends.cache.chain import ChainStore
from sessionstate.backends.cache.registry import GRACE, RENEW
from sessionstate.clock import timestamp
from sessionstate.errors import LockTimeout, SessionExists, SessionGone, StoreUnavailable
from tests.sessionstate import test_backends
from tests.sessionstate.caches import CACHES, Config, before_swap, cache_backend, cell_of, locmem
from tests.sessionstate.test_backends import A, B, loaded, stamp

LIMIT = 20_000_000
BIG = b"x" * 10_000


@pytest.fixture(params=CACHES, ids=lambda cache: cache.__name__)
def cache_config(request: pytest.FixtureRequest) -> Config:
    found: Config = request.param(request)
    return found


@pytest.fixture
def backend(cache_config: Config, transactional_db: None) -> Iterator[Backend]:
    with cache_backend(cache_config) as backend:
        yield backend


@pytest.fixture
def in_memory(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[Backend]:
    with cache_backend(locmem(request)) as backend:
        yield backend


# The whole contract suite, with the fixture above.
globals().update({name: test for name, test in vars(test_backends).items() if name[:5] == "test_"})


# Others come in between -------------------------------------------------------------------------


def test_a_paused_writer_cannot_bring_back_a_deleted_record(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.create(A, {"a": BIG}, stamp(), limit=LIMIT)
    before_swap(monkeypatch, backend, lambda: Backend().delete(A))
    with pytest.raises(SessionGone):
        backend.save(A, {"a": b"new", "b": BIG}, stamp(), limit=LIMIT)
    assert backend.load(A) is None
    assert Backend().load(A) is None


def test_of_two_that_delete_one_has_done_it(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = backend.create(A, {"a": BIG}, stamp(), limit=LIMIT)
    deleted: list[object] = []
    before_swap(monkeypatch, backend, lambda: deleted.append(Backend().delete(A)))
    assert backend.delete(A) is None
    assert deleted == [info]


def test_a_paused_delete_ends_what_was_saved_meanwhile(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.create(A, {"a": BIG}, stamp(), limit=LIMIT)
    before_swap(monkeypatch, backend, lambda: Backend().save(A, {"a": b"2"}, stamp(), limit=LIMIT))
    deleted = backend.delete(A)
    assert deleted is not None and deleted.version == 2
    assert backend.load(A) is None


def test_a_paused_holder_of_a_lock_cannot_write_after_its_successor_has_read(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_over() -> None:
        clock.shift(11)
        other = Backend()
        assert other.lock(A, "two", 10)
        assert loaded(other).values["a"] == b"1"

    backend.create(A, {"a": b"1"}, stamp(), limit=LIMIT)
    assert backend.lock(A, "one", 10)
    before_swap(monkeypatch, backend, take_over)
    with pytest.raises(LockTimeout):
        backend.save(A, {"a": b"2"}, stamp(), limit=LIMIT, token="one")
    assert loaded(backend).values["a"] == b"1"


def test_a_slower_writer_keeps_what_a_faster_one_wrote(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.create(A, {"a": b"1"}, stamp(), limit=LIMIT)
    before_swap(
        monkeypatch,
        backend,
        lambda: Backend().save(A, {"big": BIG, "b": b"2"}, stamp(), limit=LIMIT),
    )
    info = backend.save(A, {"a": b"3", "c": BIG}, stamp(), limit=LIMIT)
    assert dict(loaded(backend).values) == {"a": b"3", "b": b"2", "c": BIG, "big": BIG}
    assert (info.version, info.size) == (3, size_of(loaded(backend).values))


def test_an_id_is_created_by_the_faster_one(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_swap(monkeypatch, backend, lambda: Backend().create(A, {"a": BIG}, stamp(), limit=LIMIT))
    with pytest.raises(SessionExists):
        backend.create(A, {"b": BIG}, stamp(), limit=LIMIT)
    assert dict(loaded(backend).values) == {"a": BIG}


def test_a_reader_finds_the_new_values_when_the_old_ones_go_under_its_hands(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.create(A, {"a": BIG}, stamp(), limit=LIMIT)
    store, read_many = backend._store, backend._store.read_many

    def read_late(names: Any) -> dict[str, bytes]:
        monkeypatch.undo()
        Backend().save(A, {"a": BIG[::-1] + b"y"}, stamp(), limit=LIMIT)
        return read_many(names)

    monkeypatch.setattr(store, "read_many", read_late)
    assert loaded(backend).values["a"] == BIG[::-1] + b"y"


def test_a_slower_writer_of_a_chain_does_not_leave_its_name_behind_the_end(
    in_memory: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links go after an hour; then the name alone says what is stored."""
    cache = caches["default"]
    store, put = ChainStore(cache), cache.set
    assert store.swap("name", None, b"1", 600)
    _, token = store.read("name")

    def set_late(*args: Any) -> None:
        monkeypatch.undo()
        other = ChainStore(cache)
        data, newer = other.read("name")
        assert data == b"2"
        assert other.swap("name", newer, b"3", 600)
        put(*args)

    monkeypatch.setattr(cache, "set", set_late)
    assert store.swap("name", token, b"2", 600)
    assert cache.get("name").endswith(b"3")


def test_threads_of_one_process_do_not_lose_each_others_keys(backend: Backend) -> None:
    backend.create(A, {}, stamp(600), limit=LIMIT)

    def count(key: str) -> None:
        for number in range(20):
            backend.save(A, {key: b"%d" % number, "big" + key: BIG}, stamp(600), limit=LIMIT)

    threads = [threading.Thread(target=count, args=(f"k{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    snapshot = loaded(backend)
    assert {k: v for k, v in snapshot.values.items() if k[0] == "k"} == {
        f"k{n}": b"19" for n in range(8)
    }
    assert (snapshot.info.version, snapshot.info.size) == (161, size_of(snapshot.values))


def test_threads_of_one_process_read_their_own_sessions(backend: Backend) -> None:
    addresses = [Address(Kind.SESSION, f"{n}" * 32) for n in range(8)]
    for address in addresses:
        backend.create(address, {"whose": address.id.encode(), "b": BIG}, stamp(600), limit=LIMIT)
    wrong: list[object] = []

    def read(address: Address) -> None:
        for _ in range(150):
            snapshot = backend.load(address)
            if snapshot is None or snapshot.values["whose"] != address.id.encode():
                wrong.append(snapshot)

    threads = [threading.Thread(target=read, args=(address,)) for address in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# Killed -----------------------------------------------------------------------------------------


class Killed(BaseException):
    pass


def kill_at(monkeypatch: pytest.MonkeyPatch, backend: Backend, step: int) -> None:
    """The process ends instead of doing its n-th operation on the store, from then on for good.

    In the store for unknown classes the operations are those of the cache itself, as one swap is
    several of them.
    """
    target: Any = backend._store
    names = ["read", "read_many", "swap", "drop", "put", "remove"]
    if isinstance(target, ChainStore):
        target, names = target._cache, ["get_many", "add", "set", "get", "delete", "delete_many"]
    left = step

    def counted(operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return operation(*args, **kwargs)

        return call

    for name in names:
        monkeypatch.setattr(target, name, counted(getattr(target, name)))


OLD = {"a": b"old", "b": BIG}
NEW = {"a": b"new", "b": BIG[:-1] + b"y", "c": b"2" * 3000}


@pytest.mark.parametrize("operation", ["create", "save", "delete"])
def test_killed_before_any_operation_it_leaves_the_old_or_the_new_state(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    outcomes = set()
    for step in range(40):
        backend.delete(A)
        if operation != "create":
            backend.create(A, OLD, stamp(owner="7"), limit=LIMIT)
        victim = Backend()
        victim.load(B)  # the first look at the table of revocations is over
        kill_at(monkeypatch, victim, step)
        killed = False
        try:
            if operation == "create":
                victim.create(A, NEW, stamp(owner="7"), limit=LIMIT)
            elif operation == "save":
                victim.save(A, NEW, stamp(), limit=LIMIT)
            else:
                victim.delete(A)
        except Killed:
            killed = True
        monkeypatch.undo()
        snapshot = backend.load(A)
        values = dict(snapshot.values) if snapshot else None
        before = OLD if operation != "create" else None
        after = NEW if operation != "delete" else None
        assert values in (before, after), step
        assert [i.id for i in backend.infos(Kind.SESSION, owner="7")] == [A.id] * bool(values)
        if snapshot:
            backend.save(A, {"z": b"z"}, stamp(), limit=LIMIT)
            assert loaded(backend).values["z"] == b"z"
        outcomes.add(values == after)
        if not killed:
            break
    else:
        raise AssertionError("it never came to its end")
    assert outcomes == {True, False}


# What the cache drops ---------------------------------------------------------------------------


def test_a_record_that_lost_a_part_has_ended_for_everybody(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    for drop_index in (True, False):
        backend.create(A, {"a": b"1", "big": BIG}, stamp(owner="7"), limit=LIMIT)
        (pack,) = cell_of(backend).packs
        backend._store.remove(pack.index_names if drop_index else pack.value_names)
        assert backend.load(A) is None
        assert "has ended" in caplog.text and A.id not in caplog.text
        with pytest.raises(SessionGone):
            backend.save(A, {"a": b"2"}, stamp(), limit=LIMIT)
        assert backend.infos(Kind.SESSION, owner="7") == []
        caplog.clear()


def test_a_save_that_needs_a_dropped_part_says_that_the_record_is_gone(backend: Backend) -> None:
    backend.create(A, {"a": b"1", "big": BIG}, stamp(), limit=LIMIT)
    backend._store.remove(cell_of(backend).packs[0].index_names)
    with pytest.raises(SessionGone):
        backend.save(A, {"a": b"2"}, stamp(), limit=LIMIT)
    assert backend.load(A) is None


def test_a_record_whose_cell_was_dropped_is_gone_and_can_be_created_again(
    backend: Backend,
) -> None:
    backend.create(A, {"a": b"1"}, stamp(owner="7"), limit=LIMIT)
    caches["default"].clear()
    assert backend.load(A) is None
    with pytest.raises(SessionGone):
        backend.save(A, {"a": b"2"}, stamp(), limit=LIMIT)
    backend.create(A, {"b": b"1"}, stamp(owner="7"), limit=LIMIT)
    assert dict(loaded(backend).values) == {"b": b"1"}


def test_bytes_that_are_no_record_count_as_none(in_memory: Backend) -> None:
    for damage in (b"1", b"garbage" * 9, b"\xff" * 100):
        in_memory.create(A, {"a": b"1"}, stamp(), limit=LIMIT)
        caches["default"].set(cell_name(A), damage)
        assert in_memory.load(A) is None
        in_memory.create(A, {"b": b"1"}, stamp(), limit=LIMIT)
        assert dict(loaded(in_memory).values) == {"b": b"1"}
        in_memory.delete(A)


def test_a_cell_under_another_records_name_is_refused(in_memory: Backend) -> None:
    """A client that answers to another question must not let one user into another's session."""
    in_memory.create(A, {"whose": b"a"}, stamp(), limit=LIMIT)
    in_memory.create(B, {"whose": b"b"}, stamp(), limit=LIMIT)
    cache = caches["default"]
    cache.set(cell_name(A), cache.get(cell_name(B)))
    with pytest.raises(StoreUnavailable):
        in_memory.load(A)
    assert loaded(in_memory, B).values["whose"] == b"b"


@pytest.mark.parametrize("use", ["touch", "save"])
def test_lists_that_were_dropped_fill_again_by_use(backend: Backend, use: str) -> None:
    backend.create(A, {"a": b"1"}, stamp(6000, owner="7"), limit=LIMIT)
    cell = cell_of(backend)
    caches["default"].clear()
    backend._store.swap(cell_name(A), backend._store.read(cell_name(A))[1], cell.encode(A), 6000)
    assert backend.infos(Kind.SESSION, owner="7") == backend.infos(Kind.SESSION) == []
    clock.shift(RENEW + 1)
    if use == "touch":
        assert backend.touch(A, stamp(6000))
    else:
        backend.save(A, {}, stamp(6000), limit=LIMIT)
    assert [i.id for i in backend.infos(Kind.SESSION, owner="7")] == [A.id]
    assert [i.id for i in backend.infos(Kind.SESSION)] == [A.id]


def test_an_entry_without_a_record_is_dropped_but_not_while_the_record_may_be_on_its_way(
    backend: Backend,
) -> None:
    def entries() -> list[str]:
        return [id for _, ids in backend._registry.lists(Kind.SESSION, "7", "") for id in ids]

    backend._registry.enter(A, "7", timestamp() + 600, new=True)
    assert backend.infos(Kind.SESSION, owner="7") == []
    assert entries() == [A.id]
    clock.shift(GRACE + 1)
    assert backend.infos(Kind.SESSION, owner="7") == []
    assert entries() == []


def test_values_larger_than_a_cache_item_are_stored_in_parts(backend: Backend) -> None:
    values = {"a": random.randbytes(3_000_000), "b": b"1", "c": random.randbytes(1_500_000)}
    backend.create(A, values, stamp(), limit=LIMIT)
    assert dict(loaded(backend).values) == values
    changed = random.randbytes(2_000_000)
    info = backend.save(A, {"c": None, "d": changed}, stamp(), limit=LIMIT)
    values = {"a": values["a"], "b": b"1", "d": changed}
    assert dict(loaded(backend).values) == values
    assert info.size == size_of(values)
