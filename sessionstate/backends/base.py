"""The contract that every backend keeps. Times are epoch seconds (float), sizes are bytes.

A record is a flat hash `key -> encoded value` with an `Info` beside it. All rules of time are
decided here and in `lifetime`, so that every backend expires alike: a record whose `expires` has
passed does not exist, whatever the storage still holds.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

NEVER = math.inf


class Kind(StrEnum):
    SESSION = "session"
    USER = "user"
    TAB = "tab"
    REVISION = "revision"  # see `sessionstate.revisions`
    CLAIM = "claim"  # see `sessionstate.claims`


# What a session owns, and takes with it when it ends.
OWNED = (Kind.TAB, Kind.CLAIM)


@dataclass(frozen=True, slots=True)
class Address:
    kind: Kind
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a write says of the record besides its values. `None` leaves a field as it is."""

    used: float
    expires: float
    owner: str | None = None
    ip: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class Info:
    """What is known of a record without reading its values.

    `owner` is the user's id for a session and the session's id for a tab or a claim, or "".
    `version` is 1 after creation and grows with every save; `size` is the sum of keys and
    encoded values.
    """

    kind: Kind
    id: str
    owner: str
    created: float
    used: float
    expires: float
    ip: str = ""
    user_agent: str = ""
    version: int = 1
    size: int = 0

    def stamped(self, stamp: Stamp) -> Info:
        return self._after(stamp, self.version, self.size)

    def saved(self, stamp: Stamp, size: int) -> Info:
        return self._after(stamp, self.version + 1, size)

    def _after(self, stamp: Stamp, version: int, size: int) -> Info:
        # `dataclasses.replace` takes twice as long.
        return Info(
            self.kind,
            self.id,
            self.owner if stamp.owner is None else stamp.owner,
            self.created,
            stamp.used,
            stamp.expires,
            self.ip if stamp.ip is None else stamp.ip,
            self.user_agent if stamp.user_agent is None else stamp.user_agent,
            version,
            size,
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    info: Info
    values: Mapping[str, bytes]


def size_of(values: Mapping[str, bytes | None]) -> int:
    """Bytes that count against the limit: keys as UTF-8 and encoded values."""
    return sum(
        len(key.encode("utf-8", "surrogatepass")) + len(data)
        for key, data in values.items()
        if data is not None
    )


class Backend(Protocol):
    """Sync methods and their async twins (`a` in front) do the same.

    Any of them raises `StoreUnavailable` when the store does not answer within
    `SESSIONSTATE_STORE_TIMEOUT`.
    """

    def load(self, address: Address) -> Snapshot | None: ...

    def load_many(self, addresses: Sequence[Address]) -> list[Snapshot | None]:
        """Several records in one round trip, in their order. Each is whole, but one may be of
        another moment than the next."""

    def living(self, kind: Kind, ids: Collection[str]) -> set[str]:
        """Which of these records exist, in one round trip and without reading their values."""

    def create(
        self, address: Address, values: Mapping[str, bytes], stamp: Stamp, *, limit: int
    ) -> Info:
        """A new record. Raises `SessionExists`, `StateTooLarge`."""

    def save(
        self,
        address: Address,
        changes: Mapping[str, bytes | None],
        stamp: Stamp,
        *,
        limit: int,
        token: str | None = None,
        version: int | None = None,
    ) -> Info:
        """Writes the changed keys, all or none; other keys stay as they are in the store.

        Raises `SessionGone`; `StateTooLarge` (only when the save makes the record grow);
        `LockTimeout` when `token` no longer holds the lock; `VersionConflict` when `version` is
        given and is not the stored one.
        """

    def touch(self, address: Address, stamp: Stamp) -> bool:
        """Notes a use without writing values; `False` when the record is gone."""

    def delete(self, address: Address) -> Info | None:
        """Removes the record and says what it was; `None` when there was none."""

    def lock(self, address: Address, token: str, age: float) -> bool:
        """One attempt to lock for `age` seconds; `False` when somebody else holds it.

        A record that does not exist can be locked too.
        """

    def unlock(self, address: Address, token: str) -> None:
        """Releases the lock if `token` holds it."""

    def infos(
        self, kind: Kind, *, owner: str | None = None, after: str = "", limit: int = 100
    ) -> list[Info]:
        """Live records of a kind by ascending id, from the first id greater than `after`."""

    def purge(self, batch: int = 1000) -> int:
        """Removes what has expired; returns how many records went."""

    def ping(self) -> None:
        """Returns if the store answers."""

    async def aload(self, address: Address) -> Snapshot | None: ...
    async def aload_many(self, addresses: Sequence[Address]) -> list[Snapshot | None]: ...
    async def aliving(self, kind: Kind, ids: Collection[str]) -> set[str]: ...
    async def acreate(
        self, address: Address, values: Mapping[str, bytes], stamp: Stamp, *, limit: int
    ) -> Info: ...
    async def asave(
        self,
        address: Address,
        changes: Mapping[str, bytes | None],
        stamp: Stamp,
        *,
        limit: int,
        token: str | None = None,
        version: int | None = None,
    ) -> Info: ...
    async def atouch(self, address: Address, stamp: Stamp) -> bool: ...
    async def adelete(self, address: Address) -> Info | None: ...
    async def alock(self, address: Address, token: str, age: float) -> bool: ...
    async def aunlock(self, address: Address, token: str) -> None: ...
    async def ainfos(
        self, kind: Kind, *, owner: str | None = None, after: str = "", limit: int = 100
    ) -> list[Info]: ...
    async def apurge(self, batch: int = 1000) -> int: ...
    async def aping(self) -> None: ...
