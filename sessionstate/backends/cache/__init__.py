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
- With a cache class that is not named in `stores`, the swap relies on an atomic `add` and on links
  that stay for an hour (see `ChainStore`).
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from sessionstate.backends.base import (
    Address,
    Info,
    Kind,
    Snapshot,
    Stamp,
    ThreadedBackend,
    size_of,
)
from sessionstate.backends.cache.cell import MARGIN, Cell, Damaged, Lock, Pack, Recent, decode
from sessionstate.backends.cache.clients import open_store
from sessionstate.backends.cache.packs import Index, Missing, Packs, due
from sessionstate.backends.cache.registry import RENEW, Registry
from sessionstate.backends.cache.swap import Swapper, Write
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

logger = logging.getLogger(__name__)

_CELLS_AT_ONCE = 200


class Backend(ThreadedBackend):
    def __init__(self) -> None:
        self._store = open_store(conf.cache_alias)
        self._packs = Packs(self._store)
        self._cells = Swapper(self._store)
        self._registry = Registry(Swapper(self._store))

    def load(self, address: Address) -> Snapshot | None:
        while True:
            cell = _decoded(self._store.read(_name(address))[0], address)
            info = cell.live(timestamp())
            if info is None:
                return None
            try:
                return Snapshot(info, self._packs.values(cell))
            except Missing as missing:  # or a save has just put another pack in its place
                self._end_damaged(address, missing.pack)

    def create(
        self, address: Address, values: Mapping[str, bytes], stamp: Stamp, *, limit: int
    ) -> Info:
        size = size_of(values)
        if size > limit:
            raise StateTooLarge(size, limit)
        info = Info(address.kind, address.id, "", stamp.used, 0, 0, size=size).stamped(stamp)
        lives = info.expires > timestamp()
        listed_until = 0.0
        if lives:
            listed_until = self._registry.enter(address, info.owner, info.expires, new=True)

        def change(cell: Cell) -> Cell:
            now = timestamp()
            if cell.live(now):
                raise SessionExists(f"there is a {address.kind} of this id already")
            if not lives:
                return cell.without_record(now) if cell.info else cell
            bare = replace(cell.without_record(now), listed=now, listed_until=listed_until)
            return self._packs.arranged(bare, info, values, ())

        self._edit(address, change)
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
            indexes = self._packs.indexes(cell.packs)
            size = info.size + _growth(cell.recent, indexes, changes)
            if size > limit and size > info.size:
                raise StateTooLarge(size, limit)
            saved = replace(info.stamped(stamp), version=info.version + 1, size=size)
            if saved.expires <= now:
                return cell.without_record(now)
            cell = self._listed(cell, saved)
            return self._packs.arranged(cell, saved, changes, indexes)

        self._edit(address, change)
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
                return self._packs.arranged(cell, info, {})
            return replace(cell, info=info)

        self._edit(address, change)
        return alive

    def delete(self, address: Address) -> Info | None:
        removed: Info | None = None

        def change(cell: Cell) -> Cell:
            nonlocal removed
            now = timestamp()
            removed = cell.live(now)
            return cell.without_record(now) if cell.info else cell

        self._edit(address, change)
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

        self._edit(address, change)
        return got

    def unlock(self, address: Address, token: str) -> None:
        def change(cell: Cell) -> Cell:
            held = cell.lock is not None and cell.lock.token == token
            return replace(cell, lock=None) if held else cell

        self._edit(address, change)

    def infos(
        self, kind: Kind, *, owner: str | None = None, after: str = "", limit: int = 100
    ) -> list[Info]:
        found: list[Info] = []
        for name, ids in self._registry.pages(kind, owner, after):
            for at in range(0, len(ids), _CELLS_AT_ONCE):
                batch = ids[at : at + _CELLS_AT_ONCE]
                infos = self._infos(kind, batch)
                now = timestamp()
                known = [info for info in infos.values() if owner in (None, info.owner)]
                found += [info for info in known if info.expires > now]
                # The list of an owner also loses what has another owner now.
                strangers = set(batch) - {info.id for info in (known if owner else infos.values())}
                if strangers:
                    self._registry.prune(name, strangers)
                if len(found) >= limit:
                    return found[:limit]
        return found

    def purge(self, batch: int = 1000) -> int:
        purged = 0
        for kind in Kind:
            for name, ids in self._registry.pages(kind, None, ""):
                for at in range(0, len(ids), batch):
                    part = ids[at : at + batch]
                    infos = self._infos(kind, part)
                    self._registry.prune(name, set(part) - set(infos))
                    now = timestamp()
                    for info in infos.values():
                        if info.expires <= now:
                            purged += self._purge_one(info)
        self._store.sweep()
        return purged

    def ping(self) -> None:
        name, probe = f"ss:ping:{secrets.token_hex(8)}", secrets.token_bytes(8)
        self._store.put({name: probe}, 60)
        if self._store.read_many([name]) != {name: probe}:
            raise StoreUnavailable("the session cache does not keep what is written")
        self._store.remove([name])

    def _infos(self, kind: Kind, ids: list[str]) -> dict[str, Info]:
        """What there is of these, expired or not, in the order of the ids."""
        addresses = {_name(address): address for id in ids for address in [Address(kind, id)]}
        found = self._store.read_many(addresses)
        cells = [
            _decoded(found[name], address) for name, address in addresses.items() if name in found
        ]
        return {cell.info.id: cell.info for cell in cells if cell.info is not None}

    def _purge_one(self, info: Info) -> bool:
        address, purged = Address(info.kind, info.id), False

        def change(cell: Cell) -> Cell:
            nonlocal purged
            now = timestamp()
            purged = cell.info is not None and cell.live(now) is None
            return cell.without_record(now) if purged else cell

        self._edit(address, change)
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

    def _edit(self, address: Address, change: Callable[[Cell], Cell]) -> None:
        """Swaps the cell for what `change` makes of it, which may be the same cell: no write."""
        while True:
            try:
                return self._edit_whole(address, change)
            except Missing as missing:
                self._end_damaged(address, missing.pack)

    def _edit_whole(self, address: Address, change: Callable[[Cell], Cell]) -> None:
        before = after = Cell()

        def attempt(raw: bytes | None) -> Write | None:
            nonlocal before, after
            self._discard(after, before)  # written in vain by an attempt that lost
            before = after = _decoded(raw, address)
            after = change(before)
            if after is before:
                return None
            return Write(after.encode(), after.until - timestamp())

        # Of a swap that fails without an answer nobody knows whether it was done, so its packs
        # are left to their timeouts.
        self._cells.swap(_name(address), attempt)
        self._discard(before, after)

    def _discard(self, cell: Cell, other: Cell) -> None:
        """Removes the packs that are only in the first of the two."""
        packs: set[Pack] = set(cell.packs) - set(other.packs)
        with suppress(StoreUnavailable):
            self._packs.discard(packs)

    def _end_damaged(self, address: Address, pack: Pack) -> None:
        """Ends a record that still counts on a pack which the cache has dropped."""

        def change(cell: Cell) -> Cell:
            if pack not in cell.packs:
                return cell
            try:
                self._packs.values(cell)
            except Missing:
                logger.warning(
                    "the cache dropped a part of %s %s: it has ended", address.kind, address.id[:8]
                )
                return cell.without_record(timestamp())
            return cell

        self._edit_whole(address, change)


def _name(address: Address) -> str:
    """Of the cell. A digest, because a cache's own tools and logs show names."""
    text = str(address).encode("utf-8", "surrogatepass")
    return f"ss:c:{hashlib.sha256(text).hexdigest()[:40]}"


def _decoded(raw: bytes | None, address: Address) -> Cell:
    try:
        return decode(raw, address)
    except Damaged as error:
        logger.warning("%s %s cannot be read: %s", address.kind, address.id[:8], error)
        return Cell()


def _growth(recent: Recent, indexes: list[Index], changes: Recent) -> int:
    """By how many bytes the changes make the record grow."""
    grown = size_of(changes)
    for key in changes:
        if key in recent:
            held = recent[key]
            length = None if held is None else len(held)
        else:
            length = next((index[key] for index in reversed(indexes) if key in index), None)
        if length is not None:
            grown -= len(key.encode("utf-8", "surrogatepass")) + length
    return grown
