"""What the statements of the `db` backend have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from django.db.backends.utils import CursorWrapper

from sessionstate.backends.base import NEVER, Address, Info, Snapshot, size_of
from sessionstate.models import StateLock, StateRecord, StateValue

RECORD, VALUE, LOCK = (model._meta.db_table for model in (StateRecord, StateValue, StateLock))
INFO = "r.owner, r.created, r.used, r.expires, r.ip, r.user_agent, r.version, r.size"
LIVE = "r.kind = %s AND r.ident = %s AND r.expires > %s"
# Not every database knows infinity; this is the year 33658.
FAR = 1e12


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


def snapshot_of(address: Address, rows: Sequence[tuple[Any, ...]] | None) -> Snapshot | None:
    """From rows of `INFO` and a name and its data, which are null in a record without values."""
    if not rows:
        return None
    values = {row[-2]: bytes(row[-1]) for row in rows if row[-2] is not None}
    return Snapshot(info_of(address, rows[0][:-2]), values)


@cache
def load_many(count: int, of_values: str = "") -> str:
    """The statement. Parameters: those of `of_values`, kinds and ids, the time."""
    anyone = " OR ".join(["(r.kind = %s AND r.ident = %s)"] * count)
    return (
        f"SELECT r.kind, r.ident, {INFO}, v.name, v.data FROM {RECORD} r"
        f" LEFT JOIN {VALUE} v ON v.record_id = r.id {of_values}"
        f" WHERE ({anyone}) AND r.expires > %s"
    )


def kinds_and_ids(addresses: Sequence[Address]) -> list[str]:
    """As `load_many` takes them."""
    return [part for address in addresses for part in (address.kind, address.id)]


def snapshots_of(
    addresses: Sequence[Address], rows: Iterable[tuple[Any, ...]]
) -> list[Snapshot | None]:
    """From the rows of `load_many`."""
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row[:2], []).append(row[2:])
    return [snapshot_of(one, found.get((one.kind, one.id))) for one in addresses]


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
