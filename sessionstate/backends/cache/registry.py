"""Which records there are: a cache cannot be asked.

Three kinds of lists, each a small content that is replaced by compare-and-swap:

- per owner: the ids of a user's sessions, of a session's tabs;
- per kind and shard: all ids that begin alike, so that a sign-in rewrites a small list, and pages
  in the order of the ids need few of them;
- per kind: the shards that were ever used, at most a few thousand numbers.

An entry is made before its record and removed after it, so no crash leaves a record unlisted.
Entries of records that are gone are dropped when somebody comes across them, unless they are so
young that their record may be on its way. A list that the cache dropped fills again: a record in
use is entered anew each minute.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from sessionstate.backends.base import NEVER, Address, Kind
from sessionstate.backends.cache.cell import MARGIN
from sessionstate.backends.cache.swap import Swapper, Write
from sessionstate.clock import timestamp

# Seconds after which a record that is in use is entered again.
RENEW = 60.0
# Seconds in which a record must appear after its entry was made.
GRACE = 60.0
_SHARDS_AT_ONCE = 64

# id -> when the entry was made, when it may be dropped unseen
_Entries = dict[str, tuple[float, float]]


class Registry:
    def __init__(self, swapper: Swapper) -> None:
        self._swapper = swapper
        self._shards_seen: dict[str, float] = {}

    def enter(self, address: Address, owner: str, expires: float, *, new: bool) -> float:
        """Lists a record that lives until `expires`; says until when the entry lasts."""
        now = timestamp()
        until = now + 2 * max(expires - now, 0.0) + 2 * MARGIN

        def change(raw: bytes | None) -> Write | None:
            entries = _entries(raw)
            _, lasts = entries.get(address.id, (0.0, 0.0))
            if not new and lasts >= expires + MARGIN:
                return None
            entries = {id: entry for id, entry in entries.items() if entry[1] > now}
            entries[address.id] = (now, until)
            return _write(entries)

        if owner:
            self._swapper.swap(_owner_list(address.kind, owner), change)
        shard = shard_of(address.id)
        self._swapper.swap(_shard_list(address.kind, shard), change)
        self._use_shard(address.kind, shard)
        return until

    def leave(self, address: Address, owner: str) -> None:
        names = [_shard_list(address.kind, shard_of(address.id))]
        if owner:
            names.append(_owner_list(address.kind, owner))
        for name in names:
            self.prune(name, [address.id], before=NEVER)

    def prune(self, name: str, ids: Iterable[str], *, before: float | None = None) -> None:
        """Drops entries made before the given time, by default those past their grace."""
        latest = timestamp() - GRACE if before is None else before

        def change(raw: bytes | None) -> Write | None:
            entries = _entries(raw)
            dead = [id for id in ids if id in entries and entries[id][0] < latest]
            if not dead:
                return None
            return _write({id: entry for id, entry in entries.items() if id not in set(dead)})

        self._swapper.swap(name, change)

    def lists(self, kind: Kind, owner: str | None, after: str) -> Iterator[tuple[str, list[str]]]:
        """(name of the list, ids greater than `after`), in ascending order of ids."""
        store = self._swapper.store
        if owner:
            names = [_owner_list(kind, owner)]
        else:
            first = shard_of(after)
            shards = json.loads(store.read(_shards_list(kind))[0] or b"[]")
            names = [_shard_list(kind, shard) for shard in sorted(shards) if shard >= first]
        for at in range(0, len(names), _SHARDS_AT_ONCE):
            batch = names[at : at + _SHARDS_AT_ONCE]
            found = store.read_many(batch)
            for name in batch:
                ids = sorted(id for id in _entries(found.get(name)) if id > after)
                if ids:
                    yield name, ids

    def _use_shard(self, kind: Kind, shard: int) -> None:
        name = _shards_list(kind)
        seen, now = f"{kind}:{shard}", timestamp()
        if now - self._shards_seen.get(seen, -math.inf) < RENEW:
            return

        def change(raw: bytes | None) -> Write | None:
            shards = json.loads(raw or b"[]")
            if shard in shards:
                return None
            return Write(json.dumps([*shards, shard]).encode(), NEVER)

        self._swapper.swap(name, change)
        self._shards_seen[seen] = now


def _entries(raw: bytes | None) -> _Entries:
    entries = json.loads(raw or b"{}")
    return {id: (made, NEVER if lasts is None else lasts) for id, (made, lasts) in entries.items()}


def _write(entries: _Entries) -> Write:
    if not entries:
        return Write(b"", 0)
    rows = {
        id: (round(made), None if math.isinf(lasts) else math.ceil(lasts))
        for id, (made, lasts) in entries.items()
    }
    data = json.dumps(rows, separators=(",", ":")).encode()
    return Write(data, max(lasts for _, lasts in entries.values()) - timestamp())


def _owner_list(kind: Kind, owner: str) -> str:
    digest = hashlib.sha256(owner.encode("utf-8", "surrogatepass")).hexdigest()[:40]
    return f"ss:o:{kind}:{digest}"


def _shard_list(kind: Kind, shard: int) -> str:
    return f"ss:s:{kind}:{shard}"


def _shards_list(kind: Kind) -> str:
    return f"ss:d:{kind}"


_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def shard_of(id: str) -> int:
    """A number that never falls as ids ascend: by the first two characters.

    A character of the alphabet has an odd rank, whatever lies between two of them the even rank
    in between; there the second character must not count.
    """
    first, second = id[:1], id[1:2]
    return 73 * _rank(first) + (_rank(second) if first in _ALPHABET else 0)


def _rank(char: str) -> int:
    """`char` may be "", which comes before all."""
    return bisect_left(_ALPHABET, char) + bisect_right(_ALPHABET, char)
