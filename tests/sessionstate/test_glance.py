"""On SQLite a few small records are read on the event loop, everything else in threads."""

import asyncio
import sqlite3
from collections.abc import Sequence

import pytest

from sessionstate.backends import db
from sessionstate.backends.base import Address, Kind, Snapshot
from sessionstate.backends.db import sqlite
from tests.sessionstate.test_backends import LIMIT, A, B, stamp

pytestmark = pytest.mark.django_db(transaction=True)


class Watched(db.Backend):
    """Knows what was read in threads."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[Address]] = []

    def load_many(self, addresses: Sequence[Address]) -> list[Snapshot | None]:
        self.asked.append(list(addresses))
        return super().load_many(addresses)


@pytest.fixture
async def backend() -> Watched:
    backend = Watched()
    await backend.acreate(A, {"a": b"1"}, stamp(), limit=LIMIT)
    await backend.acreate(B, {}, stamp(), limit=LIMIT)
    return backend


def connection(backend: Watched) -> sqlite3.Connection:
    return backend._glance._readers[asyncio.get_running_loop()][0]


async def test_few_and_small_ones_need_no_thread(backend: Watched) -> None:
    missing = Address(Kind.SESSION, "missing")
    first, second, third = await backend.aload_many([A, B, missing])
    assert first is not None and dict(first.values) == {"a": b"1"} and first.info.size == 2
    assert second is not None and dict(second.values) == {}
    assert third is None and backend.asked == []
    # The newest, always.
    await backend.asave(A, {"a": b"2"}, stamp(), limit=LIMIT)
    found = await backend.aload(A)
    assert found is not None and dict(found.values) == {"a": b"2"} and backend.asked == []
    await backend.adelete(A)
    assert await backend.aload(A) is None and backend.asked == []


async def test_many_at_once_need_no_thread_either(backend: Watched) -> None:
    found = await asyncio.gather(*(backend.aload(address) for address in [A, B] * 50))
    assert [one and one.info.id for one in found] == [A.id, B.id] * 50
    assert backend.asked == []


async def test_what_is_large_or_many_is_read_in_a_thread(
    backend: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_SMALL", 1)
    found = await backend.aload(A)
    assert found is not None and dict(found.values) == {"a": b"1"}
    monkeypatch.setattr(sqlite, "_FEW", 1)
    assert len(await backend.aload_many([B, B])) == 2
    assert backend.asked == [[A], [B]]


async def test_what_cannot_be_read_at_once_is_read_in_a_thread(backend: Watched) -> None:
    await backend.aload(A)
    assert backend.asked == []
    assert connection(backend).execute("PRAGMA busy_timeout").fetchone() == (0,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection(backend).execute("DELETE FROM sessionstate_staterecord")
    connection(backend).close()
    found = await backend.aload(A)
    assert found is not None and backend.asked == [[A]]


def test_a_loop_that_ends_closes_its_connection(backend: Watched) -> None:
    async def read() -> sqlite3.Connection:
        await backend.aload(A)
        return connection(backend)

    opened = asyncio.run(read())
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened.execute("SELECT 1")
    assert asyncio.run(read()) is not opened
