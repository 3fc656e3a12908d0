"""Marks in the store for things that are kept elsewhere: another one after each change.

Who keeps a copy of such a thing in its memory keeps the mark with it, and compares it with the
store's, which comes in the same round trip as the session (`Backend.load_many`). It reads the
mark, then the thing, so a change between the two makes it read again. Most things have no mark,
which is one too. A mark lasts for `LASTS` seconds, so no copy may be used for that long.
"""

from __future__ import annotations

import secrets

from sessionstate.backends import get_backend
from sessionstate.backends.base import Address, Info, Kind, Snapshot, Stamp
from sessionstate.clock import timestamp
from sessionstate.errors import StoreUnavailable
from sessionstate.mapping import Values
from sessionstate.record import StoredRecord

LASTS = 24 * 3600.0

_MARK = "mark"


def address(name: str) -> Address:
    return Address(Kind.REVISION, name)


def mark(snapshot: Snapshot | None) -> bytes:
    return snapshot.values.get(_MARK, b"") if snapshot else b""


def change(name: str) -> None:
    """From now on every process reads anew, also when the store is down now: then it is left
    pending, as revocations are. Raises `StoreUnavailable` when that cannot be done either."""
    try:
        set_mark(name)
    except StoreUnavailable:
        if (watch := getattr(get_backend(), "watch", None)) is None:
            raise
        watch.leave_change(name)


def set_mark(name: str) -> None:
    record = StoredRecord(address(name), _lifetime, upsert=True)
    record.values[_MARK] = secrets.token_hex(8)
    record.save()


def _lifetime(values: Values, info: Info | None) -> Stamp:
    now = timestamp()
    return Stamp(used=now, expires=now + LASTS)
