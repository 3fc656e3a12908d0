"""What the cache backend writes: how much, under which names, for how long."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from hypothesis import given
from hypothesis import strategies as st

from sessionstate import clock
from sessionstate.backends.base import NEVER, Address, Kind, Stamp, size_of
from sessionstate.backends.cache import Backend
from sessionstate.backends.cache.cell import MARGIN, cell_name
from sessionstate.backends.cache.packs import RECENT, SMALL
from sessionstate.backends.cache.registry import shard_of
from sessionstate.clock import timestamp
from tests.sessionstate.caches import before_swap, cache_backend, cell_of, files, locmem
from tests.sessionstate.test_backends import A, B, loaded, stamp

LIMIT = 20_000_000
BIG = b"x" * 10_000


@pytest.fixture
def in_memory(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[Backend]:
    with cache_backend(locmem(request)) as backend:
        yield backend


# Sizes ------------------------------------------------------------------------------------------


def test_a_hundred_thousand_keys_are_stored_exactly(in_memory: Backend) -> None:
    values = {f"key {number}": b"%d" % number for number in range(100_000)}
    in_memory.create(A, values, stamp(), limit=LIMIT)
    in_memory.save(A, {"key 7": b"seven", "key 8": None}, stamp(), limit=LIMIT)
    values["key 7"] = b"seven"
    del values["key 8"]
    snapshot = loaded(in_memory)
    assert dict(snapshot.values) == values
    assert snapshot.info.size == size_of(values)


def test_saving_a_small_key_of_a_large_record_writes_less_than_a_kilobyte(
    in_memory: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {f"key{number}": random.randbytes(1000) for number in range(1000)}
    in_memory.create(A, values, stamp(), limit=LIMIT)
    store, swap, put = in_memory._store, in_memory._store.swap, in_memory._store.put
    written: list[int] = []

    def counting_swap(name: str, token: object, data: bytes, timeout: float) -> bool:
        written.append(len(data))
        return swap(name, token, data, timeout)

    def counting_put(items: dict[str, bytes], timeout: float) -> None:
        written.append(size_of(items))
        put(items, timeout)

    monkeypatch.setattr(store, "swap", counting_swap)
    monkeypatch.setattr(store, "put", counting_put)
    for number in range(50):
        in_memory.save(A, {"small": b"%d" % number}, stamp(), limit=LIMIT)
    assert max(written) < 1000
    assert dict(loaded(in_memory).values) == values | {"small": b"49"}


def test_whatever_is_saved_is_loaded_and_little_else_stays(in_memory: Backend) -> None:
    """A year of saves of all sizes, against a dict."""
    chance = random.Random(1)
    model: dict[str, bytes] = {}
    in_memory.create(A, model, stamp(600), limit=LIMIT)
    for turn in range(600):
        most = chance.choice([10, 300, 3000, 60_000])
        changes: dict[str, bytes | None] = {
            f"k{chance.randrange(60)}": None
            if chance.random() < 0.2
            else chance.randbytes(chance.randrange(most))
            for _ in range(chance.choice([1, 1, 3, 40]))
        }
        info = in_memory.save(A, changes, stamp(600), limit=LIMIT)
        for key, value in changes.items():
            if value is None:
                model.pop(key, None)
            else:
                model[key] = value
        assert info.size == size_of(model)
        assert info.version == turn + 2
        if turn % 10 == 0:
            assert dict(loaded(in_memory).values) == model
        cell = cell_of(in_memory)
        assert len(cell.packs) <= 12
        assert sum(pack.size for pack in cell.packs) <= 3 * info.size + RECENT
        assert size_of(cell.recent) <= SMALL
    held = stored_names()
    parts = [name for pack in cell_of(in_memory).packs for name in pack.index_names]
    parts += [name for pack in cell_of(in_memory).packs for name in pack.value_names]
    assert sorted(name for name in held if name.startswith("ss:p")) == sorted(parts)
    in_memory.delete(A)
    assert [name for name in stored_names() if not name.startswith("ss:d")] == []


def test_what_a_writer_wrote_in_vain_is_removed(
    in_memory: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory.create(A, {"a": b"1"}, stamp(), limit=LIMIT)
    before_swap(
        monkeypatch, in_memory, lambda: Backend().save(A, {"b": b"2"}, stamp(), limit=LIMIT)
    )
    in_memory.save(A, {"a": BIG}, stamp(), limit=LIMIT)
    assert dict(loaded(in_memory).values) == {"a": BIG, "b": b"2"}
    (pack,) = cell_of(in_memory).packs
    named = [*pack.index_names, *pack.value_names]
    assert sorted(name for name in stored_names() if name.startswith("ss:p")) == sorted(named)


def stored_names() -> list[str]:
    """Without the site's prefix and version."""
    cache = caches["default"]
    assert isinstance(cache, LocMemCache)
    return [name.split(":", 2)[2] for name in cache._cache]


# Time -------------------------------------------------------------------------------------------


def test_the_parts_of_a_record_live_as_long_as_its_uses_make_it_live(in_memory: Backend) -> None:
    in_memory.create(A, {"big": BIG}, stamp(100), limit=LIMIT)
    written = cell_of(in_memory).packs
    for age in (100, 3000, 400_000, 100, 500_000, NEVER):
        clock.shift(50)
        assert in_memory.touch(A, stamp(age))
        snapshot = loaded(in_memory)
        assert snapshot.values["big"] == BIG
        assert snapshot.info.version == 1
        assert all(p.until >= snapshot.info.expires + MARGIN for p in cell_of(in_memory).packs)
    assert cell_of(in_memory).packs != written


def test_a_record_without_an_end_is_kept_without_a_timeout(in_memory: Backend) -> None:
    address = Address(Kind.USER, "7")
    in_memory.create(address, {"big": BIG}, Stamp(timestamp(), NEVER), limit=LIMIT)
    cache = caches["default"]
    assert isinstance(cache, LocMemCache)
    assert set(cache._expire_info.values()) == {None}


def test_everything_of_a_record_with_an_end_has_a_timeout(in_memory: Backend) -> None:
    in_memory.create(A, {"big": BIG}, stamp(owner="7"), limit=LIMIT)
    in_memory.lock(B, "one", 10)
    cache = caches["default"]
    assert isinstance(cache, LocMemCache)
    ends = {name.split(":", 2)[2]: end for name, end in cache._expire_info.items()}
    assert [name for name, end in ends.items() if end is None] == ["ss:d:session"]


def test_expired_files_are_freed_by_a_purge(
    request: pytest.FixtureRequest, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cache_backend(files(request)) as backend:
        backend.create(A, {"big": BIG}, stamp(10), limit=LIMIT)
        backend.create(B, {"big": BIG}, stamp(100_000), limit=LIMIT)
        (pack,) = cell_of(backend, A).packs
        (kept,) = cell_of(backend, B).packs
        # The writer was killed before it wrote the cell.
        caches["default"].delete(cell_name(A))
        far = time.time() + 30_000
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: far)
            backend.purge()
        assert not Path(caches["default"]._key_to_file(pack.value_names[0])).exists()
        assert Path(caches["default"]._key_to_file(kept.value_names[0])).exists()
        assert loaded(backend, B).values["big"] == BIG


# Names and order --------------------------------------------------------------------------------


def test_names_in_the_cache_do_not_tell_ids(in_memory: Backend) -> None:
    tab = Address(Kind.TAB, f"{A.id}:{'f' * 32}")
    in_memory.create(A, {"big": BIG}, stamp(owner="somebody@example.org"), limit=LIMIT)
    in_memory.create(tab, {"big": BIG}, stamp(owner=A.id), limit=LIMIT)
    names = " ".join(stored_names())
    assert A.id not in names and "somebody" not in names
    assert max(map(len, stored_names())) < 100


@given(st.lists(st.text(st.sampled_from("09az_Ab:~\u00e9"), max_size=4), min_size=2))
def test_shards_are_in_the_order_of_the_ids(ids: list[str]) -> None:
    shards = [shard_of(id) for id in sorted(ids)]
    assert shards == sorted(shards)


def test_pages_go_through_many_shards_in_order(in_memory: Backend) -> None:
    ids = sorted({f"{random.getrandbits(160):040x}"[:32] for _ in range(300)})
    for id in ids:
        in_memory.create(Address(Kind.SESSION, id), {}, stamp(owner="7"), limit=LIMIT)
    for owner in (None, "7"):
        found: list[str] = []
        while page := in_memory.infos(
            Kind.SESSION, owner=owner, after=found[-1] if found else "", limit=47
        ):
            found += [info.id for info in page]
        assert found == ids
