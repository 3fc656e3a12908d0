"""How many bytes a save hands to its store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from django.db import connections
from django.db.backends.sqlite3.base import SQLiteCursorWrapper


def sent_to_redis(client: Any, save: Callable[[], None]) -> int:
    """What Redis received meanwhile: commands, keys and values."""

    def received() -> int:
        return int(client.info("stats")["total_net_input_bytes"])

    first = received()
    own = received() - first
    before = received()
    save()
    return received() - before - own


def written_by_sql(save: Callable[[], None]) -> int:
    """Parameters of the statements that write, as UTF-8 or bytes."""
    written = 0

    def count(sql: str, rows: Iterable[Any]) -> None:
        nonlocal written
        if not sql.lstrip().upper().startswith("SELECT"):
            written += sum(_size(list(row)) for row in rows)

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        count(sql, params or () if many else [params or ()])
        return execute(sql, params, many, context)

    # On SQLite a save passes by what Django has around its cursors.
    one, many = SQLiteCursorWrapper.execute, SQLiteCursorWrapper.executemany

    def execute(cursor: Any, sql: str, params: Any = None) -> Any:
        count(sql, [params or ()])
        return one(cursor, sql, params)

    def executemany(cursor: Any, sql: str, rows: Any) -> Any:
        rows = list(rows)
        count(sql, rows)
        return many(cursor, sql, rows)

    with ExitStack() as stack:
        stack.enter_context(patch.object(SQLiteCursorWrapper, "execute", execute))
        stack.enter_context(patch.object(SQLiteCursorWrapper, "executemany", executemany))
        for connection in connections.all():
            if connection.vendor != "sqlite":
                stack.enter_context(connection.execute_wrapper(wrapper))
        save()
    return written


def _size(value: Any) -> int:
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    if isinstance(value, bytes | memoryview):
        return len(value)
    return len(str(value).encode())


def wal_of_postgres(save: Callable[[], None]) -> int:
    """Bytes of write-ahead log: everything that goes to disk for it, indexes included."""

    def position() -> int:
        with connections["postgres"].cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
            return int(cursor.fetchone()[0])

    before = position()
    save()
    return position() - before
