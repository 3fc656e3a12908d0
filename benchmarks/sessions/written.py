"""How many bytes a save hands to its store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from django.db import connections


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

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal written
        if not sql.lstrip().upper().startswith("SELECT"):
            for row in params or () if many else [params or ()]:
                written += sum(map(_size, row))
        return execute(sql, params, many, context)

    with ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(count))
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
