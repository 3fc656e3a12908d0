"""What is asked of Redis and what its answers mean. No I/O here.

A record is one hash: a field of its meta data and a field for each value. Its time to live is the
record's own, and the same time is checked against our clock. Beside the records there are sorted
sets of ids, for listing: of all records of a kind, and of those of one owner.

All changes are scripts, which Redis runs as a whole: they check everything before they write, so
there is nothing between the old and the new state, and a load or a save is one round trip.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from sessionstate.backends.base import NEVER, Address, Info, Kind, Snapshot, Stamp, size_of
from sessionstate.clock import timestamp
from sessionstate.errors import (
    LockTimeout,
    SessionExists,
    SessionGone,
    StateTooLarge,
    VersionConflict,
)

# Goes up when the keys or hashes change; a release never reads what another one laid out.
SCHEMA = 1

_META = b"m"
# The same in common.lua. Three texts follow the numbers, each after its length.
_NUMBERS = struct.Struct(">ddddd")
_LENGTH = struct.Struct(">H")

R = TypeVar("R")
Argument = bytes | str | int
Found = tuple[list[Info], str]


@dataclass(frozen=True, slots=True)
class Script:
    text: bytes
    sha: str


@cache
def script(name: str, *, alone: bool = False) -> Script:
    """`alone`: it needs nothing of common.lua."""
    directory = Path(__file__).parent / "lua"
    parts = [name] if alone else ["common", name]
    text = b"\n".join((directory / f"{part}.lua").read_bytes() for part in parts)
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class Request(Generic[R]):
    """A command, or a script with its keys and arguments, and how to read the answer."""

    arguments: tuple[Argument, ...]
    read: Callable[[Any], R]
    script: Script | None = None

    @property
    def command(self) -> tuple[Argument, ...]:
        return ("EVALSHA", self.script.sha, *self.arguments) if self.script else self.arguments

    @property
    def command_with_text(self) -> tuple[Argument, ...]:
        """For a server that has lost its scripts; it keeps the text from then on."""
        assert self.script is not None
        return "EVAL", self.script.text, *self.arguments


class Layout:
    def __init__(self, prefix: str) -> None:
        self._prefix = f"{prefix}{SCHEMA}:"

    def _key(self, *parts: str) -> bytes:
        return _encoded(self._prefix + ":".join(parts))

    def _script(
        self,
        name: str,
        read: Callable[[Any], R],
        keys: tuple[bytes, ...],
        address: Address,
        *arguments: Argument,
    ) -> Request[R]:
        common = (self._prefix, address.kind.value, _encoded(address.id), repr(timestamp()))
        return Request((len(keys), *keys, *common, *arguments), read, script(name))

    def _record(self, address: Address) -> bytes:
        return self._key(address.kind.value, address.id)

    def _lock(self, address: Address) -> bytes:
        return self._key("lock", address.kind.value, address.id)

    def load(self, address: Address) -> Request[Snapshot | None]:
        return Request(("HGETALL", self._record(address)), partial(_snapshot, address))

    def load_many(self, addresses: Sequence[Address]) -> Request[list[Snapshot | None]]:
        def read(answer: list[list[bytes]]) -> list[Snapshot | None]:
            return [_snapshot(*one) for one in zip(addresses, answer, strict=True)]

        keys = tuple(self._record(address) for address in addresses)
        return Request((len(keys), *keys), read, script("load_many", alone=True))

    def living(self, kind: Kind, ids: Collection[str]) -> Request[set[str]]:
        named = list(ids)

        def read(answer: list[bytes | None]) -> set[str]:
            now = timestamp()
            found = zip(named, answer, strict=True)
            return {i for i, meta in found if meta and _info(Address(kind, i), meta).expires > now}

        keys = tuple(self._record(Address(kind, ident)) for ident in named)
        return Request((len(keys), *keys), read, script("living", alone=True))

    def create(
        self, address: Address, values: Mapping[str, bytes], stamp: Stamp, limit: int
    ) -> Request[Info]:
        size = size_of(values)
        if size > limit:
            raise StateTooLarge(size, limit)

        def read(answer: list[bytes]) -> Info:
            if answer[0] == b"exists":
                raise SessionExists(f"there is a {address.kind} of this id already")
            return _info(address, answer[1])

        return self._script(
            "create",
            read,
            (self._record(address),),
            address,
            *_stamped(stamp),
            size,
            *_fields(values),
        )

    def save(
        self,
        address: Address,
        changes: Mapping[str, bytes | None],
        stamp: Stamp,
        limit: int,
        token: str | None,
        version: int | None,
    ) -> Request[Info]:
        def read(answer: list[Any]) -> Info:
            match answer[0]:
                case b"gone":
                    raise SessionGone(f"this {address.kind} has ended")
                case b"conflict":
                    raise VersionConflict(version or 0, answer[1])
                case b"lost":
                    raise LockTimeout("the lock was lost before the save")
                case b"large":
                    raise StateTooLarge(answer[1], limit)
            return _info(address, answer[1])

        removed = [_field(key) for key, data in changes.items() if data is None]
        return self._script(
            "save",
            read,
            (self._record(address), self._lock(address)),
            address,
            *_stamped(stamp),
            limit,
            token or "",
            "" if version is None else version,
            len(removed),
            *removed,
            *_fields(changes),
        )

    def touch(self, address: Address, stamp: Stamp) -> Request[bool]:
        return self._script("touch", bool, (self._record(address),), address, *_stamped(stamp))

    def delete(self, address: Address) -> Request[Info | None]:
        def read(answer: bytes | None) -> Info | None:
            return _info(address, answer) if answer else None

        return self._script("delete", read, (self._record(address),), address)

    def lock(self, address: Address, token: str, age: float) -> Request[bool]:
        return self._script("lock", bool, (self._lock(address),), address, token, repr(age))

    def unlock(self, address: Address, token: str) -> Request[bool]:
        return self._script("unlock", bool, (self._lock(address),), address, token)

    def infos(self, kind: Kind, owner: str | None, after: str, count: int) -> Request[Found]:
        """Of the next `count` ids those that are live, and the id to go on from ("": no more)."""

        def read(answer: list[bytes]) -> Found:
            pairs = iter(answer[1:])
            found = [
                _info(Address(kind, _decoded(ident)), meta)
                for ident, meta in zip(pairs, pairs, strict=True)
            ]
            return found, _decoded(answer[0])

        # Those without an owner have no set of their own.
        key = self._key("of", kind.value, owner) if owner else self._key("all", kind.value)
        wanted = b"" if owner is None else b"=" + _encoded(owner)
        return self._script(
            "infos", read, (key,), Address(kind, ""), _encoded(after), count, wanted
        )

    def purge(self, kind: Kind, after: str, count: int) -> Request[tuple[int, str]]:
        """Goes through `count` ids: how many were dead, and the id to go on from ("": no more)."""

        def read(answer: list[Any]) -> tuple[int, str]:
            return answer[1], _decoded(answer[0])

        key = self._key("all", kind.value)
        return self._script("purge", read, (key,), Address(kind, ""), _encoded(after), count)

    def ping(self) -> Request[bool]:
        return Request(("PING",), bool)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _field(key: str) -> bytes:
    return b"=" + _encoded(key)


def _fields(values: Mapping[str, bytes | None]) -> Iterable[Argument]:
    for key, data in values.items():
        if data is not None:
            yield _field(key)
            yield data


def _stamped(stamp: Stamp) -> Iterable[Argument]:
    yield repr(stamp.used)
    yield "inf" if stamp.expires == NEVER else repr(stamp.expires)
    for text in (stamp.owner, stamp.ip, stamp.user_agent):
        yield b"" if text is None else b"=" + _encoded(text)


def _snapshot(address: Address, answer: list[bytes]) -> Snapshot | None:
    """From the answer to HGETALL."""
    fields, values = answer[::2], answer[1::2]
    if _META not in fields:
        return None
    at = fields.index(_META)
    info = _info(address, values.pop(at))
    if info.expires <= timestamp():
        return None
    fields.pop(at)
    # All names at once: there may be thousands, and none has a NUL.
    names = _decoded(b"\0".join(fields))[1:].split("\0=")
    return Snapshot(info, dict(zip(names, values, strict=True)) if values else {})


def _info(address: Address, meta: bytes) -> Info:
    created, used, expires, version, size = _NUMBERS.unpack_from(meta)
    texts, at = [], _NUMBERS.size
    for _ in range(3):
        (length,) = _LENGTH.unpack_from(meta, at)
        start = at + _LENGTH.size
        at = start + length
        texts.append(_decoded(meta[start:at]))
    owner, ip, user_agent = texts
    return Info(
        kind=address.kind,
        id=address.id,
        owner=owner,
        created=created,
        used=used,
        expires=expires,
        ip=ip,
        user_agent=user_agent,
        version=int(version),
        size=int(size),
    )
