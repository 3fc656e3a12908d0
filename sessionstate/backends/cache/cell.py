"""What a record is in the cache: one small cell that names everything, and immutable packs.

The cell is the only thing that is ever replaced, whole and by compare-and-swap. It holds the
record's `Info`, the lock of `atomic()`, small recent values, and the list of packs: values that
were written together under a name that is never used again. Newer packs shadow older ones, and
`recent` shadows all. No I/O here.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sessionstate.backends.base import NEVER, Address, Info

# Seconds that the cache keeps a thing longer than our clock does. Our clock decides what lives.
MARGIN = 3600.0

_FORMAT = b"1"
_PREFIX = struct.Struct(">cII")
_JSON = json.JSONEncoder(separators=(",", ":"))

# Encoded values by key; None stands for a key that was removed and is still in an older pack.
Recent = Mapping[str, bytes | None]


class Damaged(Exception):
    """The bytes are no cell of ours, or not whole."""


class Misplaced(Exception):
    """The cell of another record: the cache answered to something that it was not asked."""


def cell_name(address: Address) -> str:
    """A digest, because a cache's own tools and logs show names."""
    text = str(address).encode("utf-8", "surrogatepass")
    return f"ss:c:{hashlib.sha256(text).hexdigest()[:40]}"


@dataclass(frozen=True, slots=True)
class Pack:
    """`size` is the bytes of its values; `until` is when the cache may drop it. The checksums are
    of the index and of the values."""

    id: str
    size: int
    index_parts: int
    value_parts: int
    checksums: tuple[int, int]
    until: float

    @property
    def index_names(self) -> list[str]:
        return [f"ss:p:{self.id}:i{number}" for number in range(self.index_parts)]

    @property
    def value_names(self) -> list[str]:
        return [f"ss:p:{self.id}:v{number}" for number in range(self.value_parts)]


@dataclass(frozen=True, slots=True)
class Lock:
    token: str
    until: float


@dataclass(frozen=True, slots=True)
class Cell:
    """`listed` is when the record was last entered in the listing, which keeps it until
    `listed_until`."""

    info: Info | None = None
    recent: Recent = field(default_factory=dict)
    packs: tuple[Pack, ...] = ()
    lock: Lock | None = None
    listed: float = 0.0
    listed_until: float = 0.0

    def live(self, now: float) -> Info | None:
        return self.info if self.info is not None and self.info.expires > now else None

    def holder(self, now: float) -> str | None:
        return self.lock.token if self.lock is not None and self.lock.until > now else None

    def without_record(self, now: float) -> Cell:
        return Cell(lock=self.lock if self.holder(now) else None)

    @property
    def until(self) -> float:
        """When the cache may drop the cell."""
        record = self.info.expires if self.info else 0.0
        lock = self.lock.until if self.lock else 0.0
        return max(record, lock) + MARGIN

    def encode(self, address: Address) -> bytes:
        """b"" for a cell that says nothing."""
        if self.info is None and self.lock is None:
            return b""
        head = _JSON.encode(
            {
                "name": cell_name(address),
                "info": self.info and _fields(self.info),
                "lock": self.lock and [self.lock.token, self.lock.until],
                "listed": [self.listed, _number(self.listed_until)],
                "packs": [
                    [p.id, p.size, p.index_parts, p.value_parts, p.checksums, _number(p.until)]
                    for p in self.packs
                ],
                "recent": {
                    key: None if data is None else len(data) for key, data in self.recent.items()
                },
            }
        ).encode()
        body = head + b"".join(data for data in self.recent.values() if data)
        return _PREFIX.pack(_FORMAT, zlib.crc32(body), len(head)) + body


def decode(raw: bytes | None, address: Address) -> Cell:
    """Raises `Damaged`, `Misplaced`."""
    if not raw:
        return Cell()
    if len(raw) < _PREFIX.size:
        raise Damaged("too short")
    form, checksum, length = _PREFIX.unpack_from(raw)
    body = raw[_PREFIX.size :]
    if form != _FORMAT or zlib.crc32(body) != checksum:
        raise Damaged("of another format, or the checksum does not match")
    head = json.loads(body[:length])
    if head["name"] != cell_name(address):
        raise Misplaced
    return Cell(
        info=_info(address, head["info"]) if head["info"] else None,
        recent=_recent(head["recent"], body[length:]),
        packs=tuple(_pack(*fields) for fields in head["packs"]),
        lock=Lock(*head["lock"]) if head["lock"] else None,
        listed=head["listed"][0],
        listed_until=_time(head["listed"][1]),
    )


def _recent(lengths: dict[str, int | None], data: bytes) -> Recent:
    recent: dict[str, bytes | None] = {}
    at = 0
    for key, length in lengths.items():
        recent[key] = None if length is None else data[at : at + length]
        at += length or 0
    return recent


def _pack(
    id: str,
    size: int,
    index_parts: int,
    value_parts: int,
    checksums: list[int],
    until: float | None,
) -> Pack:
    index, values = checksums
    return Pack(id, size, index_parts, value_parts, (index, values), _time(until))


def _fields(info: Info) -> list[Any]:
    times = [info.created, info.used, _number(info.expires)]
    return [info.owner, *times, info.ip, info.user_agent, info.version, info.size]


def _info(address: Address, fields: list[Any]) -> Info:
    owner, created, used, expires, *rest = fields
    return Info(address.kind, address.id, owner, created, used, _time(expires), *rest)


# JSON has no infinity.


def _number(seconds: float) -> float | None:
    return None if math.isinf(seconds) else seconds


def _time(number: float | None) -> float:
    return NEVER if number is None else number
