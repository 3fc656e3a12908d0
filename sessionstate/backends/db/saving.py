"""A save inside a transaction, on any database.

On SQLite the transaction itself is the lock: it has one writer at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from sessionstate.backends.base import Address, Info, Stamp, size_of
from sessionstate.backends.db import locks, postgresql
from sessionstate.backends.db.sql import FAR, INFO, LIVE, RECORD, VALUE, info_of, insert, row_size
from sessionstate.clock import timestamp
from sessionstate.errors import LockTimeout, SessionGone, StateTooLarge, VersionConflict

_CHUNK = 500  # parameters in one IN list


def save(
    cursor: CursorWrapper,
    connection: BaseDatabaseWrapper,
    address: Address,
    changes: Mapping[str, bytes | None],
    stamp: Stamp,
    limit: int,
    token: str | None,
    version: int | None,
) -> Info:
    """The transaction must be undone when this raises; but not on SQLite."""
    pk, old = locked(cursor, connection, address)
    if version is not None and version != old.version:
        raise VersionConflict(version, old.version)
    if token is not None and not locks.hold(cursor, address, token):
        raise LockTimeout("the lock was lost before the save")
    if connection.vendor == "postgresql":
        size = old.size + postgresql.change(cursor, pk, changes)
        _check(size, old.size, limit)
    else:
        before = _sizes(cursor, pk, changes)
        size = old.size + size_of(changes) - sum(before.values())
        _check(size, old.size, limit)
        _write(cursor, pk, changes, before)
    new = old.saved(stamp, size)
    cursor.execute(
        f"UPDATE {RECORD} SET owner = %s, used = %s, expires = %s, ip = %s,"
        " user_agent = %s, version = %s, size = %s WHERE id = %s",
        (new.owner, new.used, min(new.expires, FAR), new.ip, new.user_agent)
        + (new.version, new.size, pk),
    )
    return new


def locked(
    cursor: CursorWrapper, connection: BaseDatabaseWrapper, address: Address
) -> tuple[int, Info]:
    """The record's row, locked until the transaction ends, so what is read after cannot
    change. Raises `SessionGone`."""
    lock = connection.ops.for_update_sql() if connection.features.has_select_for_update else ""
    cursor.execute(
        f"SELECT r.id, {INFO} FROM {RECORD} r WHERE {LIVE} {lock}",
        [address.kind, address.id, timestamp()],
    )
    if (row := cursor.fetchone()) is None:
        raise SessionGone(f"this {address.kind} has ended")
    return row[0], info_of(address, row[1:])


def _check(size: int, before: int, limit: int) -> None:
    if size > limit and size > before:
        raise StateTooLarge(size, limit)


def _sizes(cursor: CursorWrapper, pk: int, names: Iterable[str]) -> dict[str, int]:
    """Of those values of a record that there are."""
    found: dict[str, int] = {}
    names = list(names)
    for chunk in (names[i : i + _CHUNK] for i in range(0, len(names), _CHUNK)):
        cursor.execute(
            f"SELECT name, size FROM {VALUE} WHERE record_id = %s"
            f" AND name IN ({', '.join(['%s'] * len(chunk))})",
            [pk, *chunk],
        )
        found |= dict(cursor.fetchall())
    return found


def _write(
    cursor: CursorWrapper, pk: int, changes: Mapping[str, bytes | None], before: Mapping[str, int]
) -> None:
    """Writes the changed keys of a locked record, where there were values of these sizes."""
    update, new, gone = [], {}, []
    for name, data in changes.items():
        if data is None:
            gone.append((pk, name))
        elif name in before:
            size = row_size(name, data)
            update.append((data, size, size - before[name], pk, name))
        else:
            new[name] = data
    if gone:
        cursor.executemany(f"DELETE FROM {VALUE} WHERE record_id = %s AND name = %s", gone)
    if update:
        cursor.executemany(
            f"UPDATE {VALUE} SET data = %s, size = %s, grown = %s"
            " WHERE record_id = %s AND name = %s",
            update,
        )
    insert(cursor, pk, new)
