"""Records in a store: reading them whole, and replacing them whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from sessionstate.backends.base import Address, Info, Snapshot
from sessionstate.backends.cache.cell import Cell, Damaged, Misplaced, Pack, cell_name, decode
from sessionstate.backends.cache.packs import Missing, Packs
from sessionstate.backends.cache.stores import Store
from sessionstate.backends.cache.swap import Swapper, Write
from sessionstate.clock import timestamp
from sessionstate.conf import conf
from sessionstate.errors import StoreUnavailable


class Records:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._swapper = Swapper(store)
        self.packs = Packs(store)

    def load(self, address: Address) -> Snapshot | None:
        while True:
            cell = _decoded(self._store.read(cell_name(address))[0], address)
            info = cell.live(timestamp())
            if info is None:
                return None
            try:
                return Snapshot(info, self.packs.values(cell))
            except Missing as missing:  # or a save has just put another pack in its place
                self._end_damaged(address, missing.pack)

    def load_many(self, addresses: Sequence[Address]) -> list[Snapshot | None]:
        found = self._store.read_many(map(cell_name, addresses))
        return [self._of(address, found.get(cell_name(address))) for address in addresses]

    def living(self, addresses: Iterable[Address]) -> set[str]:
        now = timestamp()
        named = {cell_name(address): address for address in addresses}
        found = self._store.read_many(named)
        return {
            address.id
            for name, address in named.items()
            if _decoded(found.get(name), address).live(now)
        }

    def _of(self, address: Address, raw: bytes | None) -> Snapshot | None:
        cell = _decoded(raw, address)
        info = cell.live(timestamp())
        try:
            return Snapshot(info, self.packs.values(cell)) if info else None
        except Missing:
            return self.load(address)

    def infos(self, addresses: Iterable[Address]) -> list[Info]:
        """What there is of these, live or expired, in their order."""
        named = {cell_name(address): address for address in addresses}
        found = self._store.read_many(named)
        cells = [_decoded(found.get(name), address) for name, address in named.items()]
        return [cell.info for cell in cells if cell.info is not None]

    def edit(self, address: Address, change: Callable[[Cell], Cell]) -> None:
        """Swaps the cell for what `change` makes of it, which may be the same cell: no write.

        What `change` raises is passed on, with nothing changed; it may be called several times.
        """
        while True:
            try:
                return self._edit(address, change)
            except Missing as missing:
                self._end_damaged(address, missing.pack)

    def _edit(self, address: Address, change: Callable[[Cell], Cell]) -> None:
        before = after = Cell()

        def attempt(raw: bytes | None) -> Write | None:
            nonlocal before, after
            self._discard(after, before)  # written in vain by an attempt that lost
            before = after = _decoded(raw, address)
            after = change(before)
            if after is before:
                return None
            return Write(after.encode(address), after.until - timestamp())

        # Of a swap that fails without an answer nobody knows whether it was done, so its packs
        # are left to their timeouts.
        self._swapper.swap(cell_name(address), attempt)
        self._discard(before, after)

    def _discard(self, cell: Cell, other: Cell) -> None:
        """Removes the packs that are only in the first of the two."""
        packs: set[Pack] = set(cell.packs) - set(other.packs)
        with suppress(StoreUnavailable):
            self.packs.discard(packs)

    def _end_damaged(self, address: Address, pack: Pack) -> None:
        """Ends a record that still counts on a pack which the cache has dropped."""

        def change(cell: Cell) -> Cell:
            if pack not in cell.packs:
                return cell
            try:
                self.packs.values(cell)
            except Missing:
                conf.log().warning(
                    "the cache dropped a part of %s %s: it has ended", address.kind, address.id[:8]
                )
                return cell.without_record(timestamp())
            return cell

        self._edit(address, change)


def _decoded(raw: bytes | None, address: Address) -> Cell:
    try:
        return decode(raw, address)
    except Damaged as error:
        conf.log().warning("%s %s cannot be read: %s", address.kind, address.id[:8], error)
        return Cell()
    except Misplaced as error:
        raise StoreUnavailable("the session cache mixes things up") from error
