"""What the statements of the `db` backend have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.backends.utils import CursorWrapper

from sessionstate.backends.base import NEVER, Address, Info, size_of
from sessionstate.models import StateLock, StateRecord, StateValue

RECORD, VALUE, LOCK = (model._meta.db_table for model in (StateRecord, StateValue, StateLock))
INFO = "r.owner, r.created, r.used, r.expires, r.ip, r.user_agent, r.version, r.size"
LIVE = "r.kind = %s AND r.ident = %s AND r.expires > %s"
# Not every database knows infinity; this is the year 33658.
FAR = 1e12
_CHUNK = 500  # parameters in one IN list


def row_size(name: str, data: bytes) -> int:
    return size_of({name: data})


def info_of(address: Address, row: tuple[Any, ...]) -> Info:
    """From the columns of `INFO`."""
    owner, created, used, expires, ip, user_agent, version, size = row
    return Info(
        kind=address.kind,
        id=address.id,
        owner=owner,
        created=created,
        used=used,
        expires=NEVER if expires >= FAR else expires,
        ip=ip,
        user_agent=user_agent,
        version=version,
        size=size,
    )


def sizes(cursor: CursorWrapper, pk: int, names: Iterable[str]) -> dict[str, int]:
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


def write(
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


def insert(cursor: CursorWrapper, pk: int, values: Mapping[str, bytes]) -> None:
    if values:
        rows = [(name, data, row_size(name, data)) for name, data in values.items()]
        cursor.executemany(
            f"INSERT INTO {VALUE} (record_id, name, data, size, grown) VALUES (%s, %s, %s, %s, %s)",
            [(pk, name, data, size, size) for name, data, size in rows],
        )


def remove(cursor: CursorWrapper, pks: list[int]) -> None:
    marks = ", ".join(["%s"] * len(pks))
    cursor.execute(f"DELETE FROM {VALUE} WHERE record_id IN ({marks})", pks)
    cursor.execute(f"DELETE FROM {RECORD} WHERE id IN ({marks})", pks)
