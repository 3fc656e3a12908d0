"""A dict of this process: for tests and demos. Nothing survives the process or leaves it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sessionstate.backends.base import Address, Info, Kind, Snapshot, Stamp, size_of
from sessionstate.clock import timestamp
from sessionstate.errors import (
    LockTimeout,
    SessionExists,
    SessionGone,
    StateTooLarge,
    VersionConflict,
)


class Backend:
    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._records: dict[Address, Snapshot] = {}
        self._locks: dict[Address, tuple[str, float]] = {}

    def _live(self, address: Address) -> Snapshot | None:
        snapshot = self._records.get(address)
        if snapshot is not None and snapshot.info.expires <= timestamp():
            del self._records[address]
            return None
        return snapshot

    def load(self, address: Address) -> Snapshot | None:
        with self._guard:
            return self._live(address)

    def load_many(self, addresses: Sequence[Address]) -> list[Snapshot | None]:
        return [self.load(address) for address in addresses]

    def living(self, kind: Kind, ids: Collection[str]) -> set[str]:
        return {ident for ident in ids if self.load(Address(kind, ident)) is not None}

    def create(
        self, address: Address, values: Mapping[str, bytes], stamp: Stamp, *, limit: int
    ) -> Info:
        size = size_of(values)
        if size > limit:
            raise StateTooLarge(size, limit)
        info = Info(address.kind, address.id, "", stamp.used, 0, 0, size=size).stamped(stamp)
        with self._guard:
            if self._live(address) is not None:
                raise SessionExists(f"there is a {address.kind} of this id already")
            if stamp.expires > timestamp():
                self._records[address] = Snapshot(info, dict(values))
        return info

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
        with self._guard:
            snapshot = self._live(address)
            if snapshot is None:
                raise SessionGone(f"this {address.kind} has ended")
            info = snapshot.info
            if version is not None and version != info.version:
                raise VersionConflict(version, info.version)
            if token is not None and not self._holds(address, token):
                raise LockTimeout("the lock was lost before the save")
            values = dict(snapshot.values)
            replaced = {key: values.pop(key) for key in changes if key in values}
            size = info.size - size_of(replaced) + size_of(changes)
            if size > limit and size > info.size:
                raise StateTooLarge(size, limit)
            values |= {key: data for key, data in changes.items() if data is not None}
            info = info.saved(stamp, size)
            if stamp.expires > timestamp():
                self._records[address] = Snapshot(info, values)
            else:
                del self._records[address]
            return info

    def touch(self, address: Address, stamp: Stamp) -> bool:
        with self._guard:
            snapshot = self._live(address)
            if snapshot is None:
                return False
            self._records[address] = replace(snapshot, info=snapshot.info.stamped(stamp))
            return True

    def delete(self, address: Address) -> Info | None:
        with self._guard:
            snapshot = self._live(address)
            self._records.pop(address, None)
            return snapshot.info if snapshot else None

    def _holds(self, address: Address, token: str) -> bool:
        holder, until = self._locks.get(address, ("", 0.0))
        return holder == token and until > timestamp()

    def lock(self, address: Address, token: str, age: float) -> bool:
        with self._guard:
            holder, until = self._locks.get(address, ("", 0.0))
            if holder and until > timestamp():
                return False
            self._locks[address] = (token, timestamp() + age)
            return True

    def unlock(self, address: Address, token: str) -> None:
        with self._guard:
            if self._locks.get(address, ("", 0.0))[0] == token:
                del self._locks[address]

    def infos(
        self, kind: Kind, *, owner: str | None = None, after: str = "", limit: int = 100
    ) -> list[Info]:
        with self._guard:
            now = timestamp()
            found = [
                snapshot.info
                for address, snapshot in self._records.items()
                if address.kind is kind
                and address.id > after
                and snapshot.info.expires > now
                and owner in (None, snapshot.info.owner)
            ]
        return sorted(found, key=lambda info: info.id)[:limit]

    def purge(self, batch: int = 1000) -> int:
        with self._guard:
            now = timestamp()
            dead = [a for a, snapshot in self._records.items() if snapshot.info.expires <= now]
            for address in dead:
                del self._records[address]
            self._locks = {a: held for a, held in self._locks.items() if held[1] > now}
            return len(dead)

    def ping(self) -> None:
        return

    # Nothing here blocks, so the async twins need no thread.

    async def aload(self, address: Address) -> Snapshot | None:
        return self.load(address)

    async def aload_many(self, addresses: Sequence[Address]) -> list[Snapshot | None]:
        return self.load_many(addresses)

    async def aliving(self, kind: Kind, ids: Collection[str]) -> set[str]:
        return self.living(kind, ids)

    async def acreate(
        self, address: Address, values: Mapping[str, bytes], stamp: Stamp, *, limit: int
    ) -> Info:
        return self.create(address, values, stamp, limit=limit)

    async def asave(
        self,
        address: Address,
        changes: Mapping[str, bytes | None],
        stamp: Stamp,
        *,
        limit: int,
        token: str | None = None,
        version: int | None = None,
    ) -> Info:
        return self.save(address, changes, stamp, limit=limit, token=token, version=version)

    async def atouch(self, address: Address, stamp: Stamp) -> bool:
        return self.touch(address, stamp)

    async def adelete(self, address: Address) -> Info | None:
        return self.delete(address)

    async def alock(self, address: Address, token: str, age: float) -> bool:
        return self.lock(address, token, age)

    async def aunlock(self, address: Address, token: str) -> None:
        self.unlock(address, token)

    async def ainfos(
        self, kind: Kind, *, owner: str | None = None, after: str = "", limit: int = 100
    ) -> list[Info]:
        return self.infos(kind, owner=owner, after=after, limit=limit)

    async def apurge(self, batch: int = 1000) -> int:
        return self.purge(batch)

    async def aping(self) -> None:
        return
