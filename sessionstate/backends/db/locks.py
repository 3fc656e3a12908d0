"""The locks of `atomic()`: a row for each that was ever held and not yet purged."""

from __future__ import annotations

from contextlib import nullcontext

from django.db import IntegrityError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from sessionstate.backends.base import Address
from sessionstate.backends.db.sql import LOCK
from sessionstate.clock import timestamp


def take(
    cursor: CursorWrapper,
    connection: BaseDatabaseWrapper,
    address: Address,
    token: str,
    age: float,
) -> bool:
    name, now = str(address), timestamp()
    cursor.execute(f"SELECT until FROM {LOCK} WHERE address = %s", [name])
    held = cursor.fetchone()
    if held is None:
        return _insert(cursor, connection, [name, token, now + age])
    if held[0] > now:  # a waiter only reads, so that it is not in the holder's way
        return False
    cursor.execute(
        f"UPDATE {LOCK} SET token = %s, until = %s WHERE address = %s AND until <= %s",
        [token, now + age, name, now],
    )
    return bool(cursor.rowcount > 0)


def _insert(cursor: CursorWrapper, connection: BaseDatabaseWrapper, row: list[str | float]) -> bool:
    outer = connection.in_atomic_block  # which a failed statement would spoil
    try:
        with transaction.atomic(connection.alias) if outer else nullcontext():
            cursor.execute(f"INSERT INTO {LOCK} (address, token, until) VALUES (%s, %s, %s)", row)
    except IntegrityError:  # somebody was faster
        return False
    return True


def release(cursor: CursorWrapper, address: Address, token: str) -> None:
    cursor.execute(f"DELETE FROM {LOCK} WHERE address = %s AND token = %s", [str(address), token])


def hold(cursor: CursorWrapper, address: Address, token: str) -> bool:
    """Whether the lock is held, and makes sure it stays so until this transaction ends:
    the write locks its row, so the next holder waits for our values to be visible."""
    cursor.execute(
        f"UPDATE {LOCK} SET token = token WHERE address = %s AND token = %s AND until > %s",
        [str(address), token, timestamp()],
    )
    return bool(cursor.rowcount > 0)


def purge(cursor: CursorWrapper) -> None:
    cursor.execute(f"DELETE FROM {LOCK} WHERE until <= %s", [timestamp()])
