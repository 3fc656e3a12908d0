"""SQLite has one writer at a time, and is not behind a network."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from sessionstate.backends.base import Address, Snapshot
from sessionstate.backends.db.sql import kinds_and_ids, load_many, snapshots_of
from sessionstate.clock import timestamp

# What is read at a glance at most: records, and bytes of each.
_FEW, _SMALL = 10, 16 * 1024

# It lets the others poll, unfairly: with many threads some would starve. So those of this process
# queue here.
writer = threading.Lock()


def is_used(alias: str) -> bool:
    # Not by its connection: each task of an event loop would make one.
    return str(connections.settings[alias]["ENGINE"]).endswith(".sqlite3")


@contextmanager
def transaction(connection: BaseDatabaseWrapper) -> Iterator[Any]:
    """A cursor in a transaction, for statements of ours alone: what `atomic()` and Django's own
    cursors do for everybody takes as long as the statements. Not inside another transaction."""
    connection.ensure_connection()
    with writer, connection.wrap_database_errors:
        cursor = connection.create_cursor()
        cursor.execute("BEGIN IMMEDIATE")
        try:
            yield cursor
            cursor.execute("COMMIT")
        except BaseException:
            if connection.connection.in_transaction:
                cursor.execute("ROLLBACK")
            raise
        finally:
            cursor.close()


class Glance:
    """Reads a few small records on an event loop: some 20 microseconds, where the way to a thread
    and back takes five times as long, and more in a process that is busy.

    It keeps nobody waiting: what it does not get at once, for a lock or an error, is left to a
    thread.
    """

    def __init__(self) -> None:
        self._readers: dict[
            asyncio.AbstractEventLoop, tuple[sqlite3.Connection, AsyncGenerator[None]]
        ] = {}

    async def load_many(
        self, alias: str, addresses: Sequence[Address]
    ) -> list[Snapshot | None] | None:
        """`None`: a thread is to do it."""
        if len(addresses) > _FEW:
            return None
        sql = load_many(len(addresses), "AND r.size <= %s").replace("%s", "?")
        asked = [_SMALL, *kinds_and_ids(addresses), timestamp()]
        try:
            rows = (await self._reader(alias)).execute(sql, asked).fetchall()
            found = snapshots_of(addresses, rows)
        except (sqlite3.Error, UnicodeError):
            return None
        if any(snapshot and snapshot.info.size > _SMALL for snapshot in found):
            return None  # its values are missing
        return found

    async def _reader(self, alias: str) -> sqlite3.Connection:
        loop = asyncio.get_running_loop()
        if loop not in self._readers:
            name = connections.create_connection(alias).get_connection_params()["database"]
            # Without patience.
            reader = sqlite3.connect(name, timeout=0, isolation_level=None, uri=True)
            reader.execute("PRAGMA query_only = ON")
            closing = self._closing(loop, reader)
            self._readers[loop] = reader, closing
            await anext(closing)
        return self._readers[loop][0]

    async def _closing(
        self, loop: asyncio.AbstractEventLoop, reader: sqlite3.Connection
    ) -> AsyncGenerator[None]:
        """Waits for the end of its loop, which is when a loop closes the generators begun in it."""
        try:
            yield
        finally:
            self._readers.pop(loop, None)
            reader.close()
