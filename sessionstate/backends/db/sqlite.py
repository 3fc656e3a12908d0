"""SQLite has one writer at a time, and is not behind a network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

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
