"""The values of a record: which lie in its cell, which in packs, and when packs are merged.

A pack is written once under a name of its own, in parts that fit a cache item, and never changed.
Its index (key -> length, None for a removed key) is apart from its values, so that a save reads
sizes without values. Packs are merged so that each is at least twice as large as the next newer
one, and when less than half of one is still in use: the work per saved byte stays logarithmic,
and a record takes about twice its size at most.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from zlib import crc32

from sessionstate.backends.base import Info, size_of
from sessionstate.backends.cache.cell import MARGIN, Cell, Pack, Recent
from sessionstate.backends.cache.stores import Store
from sessionstate.clock import timestamp

# A record of this many bytes lives in its cell, and is loaded and saved in one piece.
SMALL = 4096
# Beside packs the cell takes only this many bytes of recent changes: the cost of saving a small
# key of a large record.
RECENT = 512
# Memcached refuses items of 1 MB, and stores those over 512 KB less well.
PART = 500_000

Index = Mapping[str, int | None]


class Missing(Exception):
    """The cache has dropped or damaged a part of a pack."""

    def __init__(self, pack: Pack) -> None:
        super().__init__(pack.id)
        self.pack = pack


@dataclass(frozen=True, slots=True)
class Packs:
    store: Store

    def values(self, cell: Cell) -> dict[str, bytes]:
        """All values of the record. Raises `Missing`."""
        indexes, data = self._read(cell.packs, cell.packs)
        merged: dict[str, bytes | None] = {}
        for pack, index in zip(cell.packs, indexes, strict=True):
            merged.update(_unpacked(index, data[pack.id]))
        merged.update(cell.recent)
        return {key: value for key, value in merged.items() if value is not None}

    def indexes(self, packs: Sequence[Pack]) -> list[Index]:
        """Raises `Missing`."""
        return self._read(packs, ())[0]

    def arranged(
        self, cell: Cell, info: Info, changes: Recent, indexes: Sequence[Index] | None = None
    ) -> Cell:
        """The cell with these changes, after writing and reading what packs that takes.

        The cell's own packs stay in the cache: it is still the one that counts.
        """
        if indexes is None:
            indexes = self.indexes(cell.packs)
        recent = {
            key: data
            for key, data in {**cell.recent, **changes}.items()
            if data is not None or any(key in index for index in indexes)
        }
        live = _live(recent, indexes)
        keep = _keep(cell.packs, live, info, _size(recent))
        merged = self._merged(cell.packs[keep:], indexes[keep:], live[keep:])
        merged = {
            key: data
            for key, data in {**merged, **recent}.items()
            if data is not None or any(key in index for index in indexes[:keep])
        }
        packs = cell.packs[:keep]
        if _size(merged) > (RECENT if packs else SMALL):
            packs += (self._write(merged, info.expires),)
            merged = {}
        return replace(cell, info=info, recent=merged, packs=packs)

    def discard(self, packs: Iterable[Pack]) -> None:
        names = [name for pack in packs for name in (*pack.index_names, *pack.value_names)]
        if names:
            self.store.remove(names)

    def _merged(
        self, packs: Sequence[Pack], indexes: Sequence[Index], live: Sequence[Index]
    ) -> dict[str, bytes | None]:
        wanted = [pack for pack, index in zip(packs, live, strict=True) if any(index.values())]
        data = self._read((), wanted)[1]
        merged: dict[str, bytes | None] = {}
        for pack, index, used in zip(packs, indexes, live, strict=True):
            if pack.id in data:
                values = _unpacked(index, data[pack.id])
                merged.update((key, value) for key, value in values if key in used)
            else:
                merged.update((key, None if n is None else b"") for key, n in used.items())
        return merged

    def _read(
        self, indexed: Sequence[Pack], valued: Sequence[Pack]
    ) -> tuple[list[Index], dict[str, bytes]]:
        names = [name for pack in indexed for name in pack.index_names]
        names += [name for pack in valued for name in pack.value_names]
        parts = self.store.read_many(names) if names else {}
        indexes = [_joined(parts, pack, pack.index_names, pack.checksums[0]) for pack in indexed]
        data = {
            pack.id: _joined(parts, pack, pack.value_names, pack.checksums[1]) for pack in valued
        }
        return [json.loads(index) for index in indexes], data

    def _write(self, values: Recent, expires: float) -> Pack:
        index = json.dumps(
            {key: None if data is None else len(data) for key, data in values.items()},
            separators=(",", ":"),
        ).encode()
        data = b"".join(data for data in values.values() if data)
        now = timestamp()
        # Twice as long as it needs to live now, so that a record in use moves its packs rarely.
        until = now + 2 * max(expires - now, 0.0) + 2 * MARGIN
        checksums = (crc32(index), crc32(data))
        pack = Pack(secrets.token_hex(10), len(data), _parts(index), _parts(data), checksums, until)
        items = dict(zip(pack.index_names, _cut(index), strict=True))
        items |= zip(pack.value_names, _cut(data), strict=True)
        self.store.put(items, until - now)
        return pack


def growth(recent: Recent, indexes: Sequence[Index], changes: Recent) -> int:
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


def due(cell: Cell, expires: float) -> bool:
    """Whether a record that lives until `expires` would outlive one of its packs."""
    return any(pack.until < expires + MARGIN for pack in cell.packs)


def _live(recent: Recent, indexes: Sequence[Index]) -> list[dict[str, int | None]]:
    """Per pack what no newer one shadows."""
    seen = set(recent)
    live: list[dict[str, int | None]] = []
    for index in reversed(indexes):
        live.append({key: length for key, length in index.items() if key not in seen})
        seen.update(index)
    return live[::-1]


def _keep(packs: Sequence[Pack], live: Sequence[Index], info: Info, recent: int) -> int:
    """How many packs, from the oldest, stay as they are; the newer ones are merged."""
    if info.size <= SMALL:
        return 0
    keep = len(packs)
    used = [sum(length or 0 for length in index.values()) for index in live]
    if recent > RECENT:
        merged = recent
        while keep and packs[keep - 1].size <= 2 * merged:
            keep -= 1
            merged += used[keep]
    for place, pack in enumerate(packs[:keep]):
        if pack.until < info.expires + MARGIN or 2 * used[place] < pack.size:
            return place
    return keep


def _size(values: Recent) -> int:
    return sum(len(key) + len(data or b"") for key, data in values.items())


def _unpacked(index: Index, data: bytes) -> Iterator[tuple[str, bytes | None]]:
    ends = accumulate(length or 0 for length in index.values())
    for (key, length), end in zip(index.items(), ends, strict=True):
        yield key, None if length is None else data[end - length : end]


def _joined(parts: Mapping[str, bytes], pack: Pack, names: Sequence[str], checksum: int) -> bytes:
    """Raises `Missing`, also for what is there but is not what was written."""
    data = b"".join([parts.get(name, b"") for name in names])
    if crc32(data) != checksum:
        raise Missing(pack)
    return data


def _parts(data: bytes) -> int:
    return -(-len(data) // PART)


def _cut(data: bytes) -> list[bytes]:
    return [data[at : at + PART] for at in range(0, len(data), PART)]
