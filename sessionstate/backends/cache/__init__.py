"""Any `CACHES` alias: LocMem, files, memcached, Redis, or another class with an atomic `add`.

A record is one small cell, replaced by compare-and-swap, and packs of values that never change
(see `cell` and `packs`). Every save reads the cell, writes new packs if any, and swaps the cell;
when somebody was faster it starts again from the newer cell. So, on every cache:

- A process killed between two operations leaves the old or the new record, whole. What it wrote
  and nobody names goes with its timeout.
- Writers of different keys never lose each other's work, and nobody holds a lock while working,
  so a killed or stopped writer keeps nobody waiting.
- A save cannot bring back a deleted record: its swap fails. The lock of `atomic()` is in the cell,
  so a holder that was paused past its lock's age fails too, even between its check and its write.
- A write that the cache did not take raises `StoreUnavailable`; so does a cache that cannot be
  asked. The clients' own options for ignoring errors are switched off here.

What a cache can do to a record nevertheless, because it is a cache:

- It may drop things. A record that lost its cell or any part of a pack has ended, as a whole, for
  everybody: a session without some of its keys could be one that lost its restrictions. A list of
  a user's sessions that was dropped fills again within a minute of each session's use; until then
  a session may be missing in `infos`.
- A memcached or Redis that was restarted empty has forgotten all; with replicas, a failover can
  take back the last writes. Several memcached servers are one only while all processes see the
  same list of them.
- With a cache class of another kind than these, the swap relies on an atomic `add` and on links
  that stay for an hour (see `chain`).
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from sessionstate.backends.base import (
    Address,
    Info,
    Kind,
    Snapshot,
    Stamp,
    size_of,
)
from sessionstate.backends.cache.cell import MARGIN, Cell, Lock
from sessionstate.backends.cache.opening import open_store
from sessionstate.backends.cache.packs import due, growth
from sessionstate.backends.cache.records import Records
from sessionstate.backends.cache.registry import RENEW, Registry
from sessionstate.backends.cache.swap import Swapper
from sessionstate.backends.threaded import ThreadedBackend
from sessionstate.clock import timestamp
from sessionstate.conf import conf
from sessionstate.errors import (
    LockTimeout,
    SessionExists,
    SessionGone,
    StateTooLarge,
    StoreUnavailable,
    VersionConflict,
)
from sessionstate.graves import Watch

_CELLS_AT_ONCE = 200


class Backend(ThreadedBackend):
    def __init__(self) -> None:
        super().__init__()
        self.watch = Watch(self)
        self._store = open_store(conf.cache_alias, self.watch.doubt)
        self._records = Records(self._store)
        self._registry = Registry(Swapper(self._store))

    def load(self, address: Address) -> Snapshot | None:
        while True:
            with self.watch.serving():
                snapshot = self._records.load(address)
            if not self.watch.due():  # on a new connection, we asked the table too early
                return snapshot

    def load_many(self, addresses: Sequence[Address]) -> list[Snapshot | None]:
        while True:
            with self.watch.serving():
                snapshots = self._records.load_many(addresses)
            if not self.watch.due():
                return snapshots

    def living(self, kind: Kind, ids: Collection[str]) -> set[str]:
        with self.watch.serving():
            return self._records.living([Address(kind, ident) for ident in ids])

    def create(
        self, address: Address, values: Mapping[str, bytes], stamp: Stamp, *, limit: int
    ) -> Info:
        size = size_of(values)
        if size > limit:
            raise StateTooLarge(size, limit)
        info = Info(address.kind, address.id, "", stamp.used, 0, 0, size=size).stamped(stamp)
        lives = info.expires > timestamp()
        listed_until = 0.0

        def change(cell: Cell) -> Cell:
            now = timestamp()
            if cell.live(now):
                raise SessionExists(f"there is a {address.kind} of this id already")
            if not lives:
                return cell.without_record(now) if cell.info else cell
            bare = replace(cell.without_record(now), listed=now, listed_until=listed_until)
            return self._records.packs.arranged(bare, info, values, ())

        with self.watch.serving():
            if lives:
                listed_until = self._registry.enter(address, info.owner, info.expires, new=True)
            self._records.edit(address, change)
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
        saved: Info | None = None

        def change(cell: Cell) -> Cell:
            nonlocal saved
            now = timestamp()
            info = cell.live(now)
            if info is None:
                raise SessionGone(f"this {address.kind} has ended")
            if version is not None and version != info.version:
                raise VersionConflict(version, info.version)
            if token is not None and token != cell.holder(now):
                raise LockTimeout("the lock was lost before the save")
            indexes = self._records.packs.indexes(cell.packs)
            size = info.size + growth(cell.recent, indexes, changes)
            if size > limit and size > info.size:
                raise StateTooLarge(size, limit)
            saved = info.saved(stamp, size)
            if saved.expires <= now:
                return cell.without_record(now)
            cell = self._listed(cell, saved)
            return self._records.packs.arranged(cell, saved, changes, indexes)

        with self.watch.serving():
            self._records.edit(address, change)
        assert saved is not None
        return saved

    def touch(self, address: Address, stamp: Stamp) -> bool:
        alive = False

        def change(cell: Cell) -> Cell:
            nonlocal alive
            now = timestamp()
            info = cell.live(now)
            alive = info is not None
            if info is None:
                return cell
            info = info.stamped(stamp)
            if info.expires <= now:
                return cell.without_record(now)
            cell = self._listed(cell, info)
            if due(cell, info.expires):
                return self._records.packs.arranged(cell, info, {})
            return replace(cell, info=info)

        with self.watch.serving():
            self._records.edit(address, change)
        return alive

    def delete(self, address: Address) -> Info | None:
        removed: Info | None = None

        def change(cell: Cell) -> Cell:
            nonlocal removed
            now = timestamp()
            removed = cell.live(now)
            return cell.without_record(now) if cell.info else cell

        with self.watch.revoking(address):
            self._records.edit(address, change)
        if removed is not None:
            # It is deleted. A list that still names it is corrected by whoever reads it.
            with suppress(StoreUnavailable):
                self._registry.leave(address, removed.owner)
        return removed

    def lock(self, address: Address, token: str, age: float) -> bool:
        got = False

        def change(cell: Cell) -> Cell:
            nonlocal got
            now = timestamp()
            got = cell.holder(now) is None
            return replace(cell, lock=Lock(token, now + age)) if got else cell

        with self.watch.serving():
            self._records.edit(address, change)
        return got

    def unlock(self, address: Address, token: str) -> None:
        def change(cell: Cell) -> Cell:
            held = cell.lock is not None and cell.lock.token == token
            return replace(cell, lock=None) if held else cell

        with self.watch.serving():
            self._records.edit(address, change)

    def infos(
        self, kind: Kind, *, owner: str | None = None, after: str = "", limit: int = 100
    ) -> list[Info]:
        with self.watch.serving():
            found: list[Info] = []
            for batch in self._pages(kind, owner, after, _CELLS_AT_ONCE):
                now = timestamp()
                found += [i for i in batch if i.expires > now and owner in (None, i.owner)]
                if len(found) >= limit:
                    break
            return found[:limit]

    def purge(self, batch: int = 1000) -> int:
        with self.watch.serving():
            purged = 0
            for kind in Kind:
                for infos in self._pages(kind, None, "", batch):
                    now = timestamp()
                    purged += sum(self._purge_one(i) for i in infos if i.expires <= now)
            self._store.sweep()
            return purged

    def ping(self) -> None:
        name, probe = f"ss:ping:{secrets.token_hex(8)}", secrets.token_bytes(8)
        with self.watch.serving():
            self._store.put({name: probe}, 60)
            if self._store.read_many([name]) != {name: probe}:
                raise StoreUnavailable("the session cache does not keep what is written")
            self._store.remove([name])

    def _pages(self, kind: Kind, owner: str | None, after: str, most: int) -> Iterator[list[Info]]:
        """What is listed, live or expired, by ascending id, at most so many at once. Entries of
        records that are gone, and of those that have another owner by now, are removed."""
        for name, ids in self._registry.lists(kind, owner, after):
            for at in range(0, len(ids), most):
                batch = ids[at : at + most]
                infos = self._records.infos(Address(kind, id) for id in batch)
                known = {i.id for i in infos if not owner or i.owner == owner}
                strays = [id for id in batch if id not in known]
                if strays:
                    self._registry.prune(name, strays)
                yield infos

    def _purge_one(self, info: Info) -> bool:
        address, purged = Address(info.kind, info.id), False

        def change(cell: Cell) -> Cell:
            nonlocal purged
            now = timestamp()
            purged = cell.info is not None and cell.live(now) is None
            return cell.without_record(now) if purged else cell

        self._records.edit(address, change)
        if purged:
            self._registry.leave(address, info.owner)
        return purged

    def _listed(self, cell: Cell, info: Info) -> Cell:
        """The cell, after entering the record in the listing where that is due."""
        assert cell.info is not None
        now, moved = timestamp(), cell.info.owner != info.owner
        lasts = cell.listed_until >= info.expires + MARGIN
        if lasts and not moved and abs(now - cell.listed) < RENEW:
            return cell
        address = Address(info.kind, info.id)
        until = self._registry.enter(address, info.owner, info.expires, new=moved)
        return replace(cell, listed=now, listed_until=until)
