"""What the statements of the `db` backend have in common."""

from __future__ import annotations

from typing import Any

from sessionstate.backends.base import NEVER, Address, Info, size_of
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
