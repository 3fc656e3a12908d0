"""Saving on PostgreSQL: where others take six round trips, one.

A statement reads what was there when it began, but it writes to what is there by then. So each row
of a value notes by how much it grew when it was written, and only that is added up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from django.db import DataError
from django.db.backends.utils import CursorWrapper

from sessionstate.backends.base import Address, Info, Stamp
from sessionstate.backends.db.sql import FAR, INFO, LIVE, RECORD, VALUE, info_of, row_size
from sessionstate.clock import timestamp
from sessionstate.errors import SessionGone, StateTooLarge

_WRITTEN = f"""written AS (
    INSERT INTO {VALUE} AS v (record_id, name, data, size, grown)
    SELECT locked.id, n.name, n.data, n.size, n.size
    FROM locked, ROWS AS n (name, data, size)
    ON CONFLICT (record_id, name) DO UPDATE
    SET data = excluded.data, size = excluded.size, grown = excluded.size - v.size
    RETURNING grown
)"""
_CHANGE = f"""
    WITH locked (id) AS (VALUES (%s::bigint)), {_WRITTEN}, removed AS (
        DELETE FROM {VALUE} WHERE record_id = %s AND name = ANY(%s) RETURNING -size AS grown
    )
    SELECT coalesce(sum(grown), 0)
    FROM (SELECT grown FROM removed UNION ALL SELECT grown FROM written) AS changed"""
# The lock comes first, and what it gives is the newest. The row that the UPDATE finds is not, until
# it comes to be written: by then checks have looked at what would be made of it. The only way to
# undo a statement is an error: the cast makes one that names the size.
_SAVE = f"""
    WITH locked AS MATERIALIZED (SELECT r.* FROM {RECORD} r WHERE {LIVE} FOR UPDATE),
    {_WRITTEN},
    growth AS (SELECT coalesce(sum(grown), 0)::bigint AS bytes FROM written)
    UPDATE {RECORD} r SET
        owner = coalesce(%s::text, locked.owner),
        used = %s,
        expires = %s,
        ip = coalesce(%s::text, locked.ip),
        user_agent = coalesce(%s::text, locked.user_agent),
        version = locked.version + 1,
        size = CASE
            WHEN growth.bytes > 0 AND locked.size + growth.bytes > %s
            THEN ('too large: ' || locked.size + growth.bytes)::bigint
            ELSE locked.size + growth.bytes
        END
    FROM locked, growth
    WHERE r.id = locked.id
    RETURNING {INFO}"""
# A few rows are faster written out than as arrays.
_FEW = 20
_FIRST, _MORE = "(%s::text, %s::bytea, %s::int)", ", (%s, %s, %s)"
_ARRAYS = "unnest(%s::text[], %s::bytea[], %s::int[])"
_TOO_LARGE = re.compile(r"too large: (\d+)")


def change(cursor: CursorWrapper, pk: int, changes: Mapping[str, bytes | None]) -> int:
    """Writes the changed keys of a locked record; by how many bytes it grew."""
    if not changes:
        return 0
    new = {name: data for name, data in changes.items() if data is not None}
    gone = [name for name, data in changes.items() if data is None]
    rows, columns = _rows(new)
    cursor.execute(_CHANGE.replace("ROWS", rows), [pk, *columns, pk, gone])
    return int(cast(Any, cursor.fetchone())[0])


def save(
    cursor: CursorWrapper, address: Address, values: Mapping[str, bytes], stamp: Stamp, limit: int
) -> Info:
    """A whole save, for when nothing is removed (a removal would miss what was added since the
    statement began) and no transaction is open that an error would end."""
    given = [stamp.owner, stamp.used, min(stamp.expires, FAR), stamp.ip, stamp.user_agent, limit]
    found: list[Any] = [address.kind, address.id, timestamp()]
    rows, columns = _rows(values)
    try:
        cursor.execute(_SAVE.replace("ROWS", rows), [*found, *columns, *given])
    except DataError as error:
        if (large := _TOO_LARGE.search(str(error))) is None:
            raise
        raise StateTooLarge(int(large[1]), limit) from None
    if (row := cursor.fetchone()) is None:
        raise SessionGone(f"this {address.kind} has ended")
    return info_of(address, row)


def _rows(values: Mapping[str, bytes]) -> tuple[str, list[Any]]:
    """SQL for a table of name, data and size, and its parameters."""
    sizes = [row_size(*item) for item in values.items()]
    if not 0 < len(values) <= _FEW:
        return _ARRAYS, [list(values), list(values.values()), sizes]
    rows = zip(values.keys(), values.values(), sizes, strict=True)
    return f"(VALUES {_FIRST}{_MORE * (len(values) - 1)})", [cell for row in rows for cell in row]
