"""The store for cache classes that we know nothing of."""

from __future__ import annotations

import secrets
import struct
import time
from collections.abc import Iterable, Mapping
from typing import Any

from sessionstate.backends.cache.stores import Token, answering, whole
from sessionstate.errors import StoreUnavailable


class ChainStore:
    """Compare-and-swap out of `add`, the one atomic operation that every cache has.

    Each content carries a random id, and its successor is named after it: `add` lets only one
    writer name it. The name itself says where the chain was last; whoever reads it goes on to the
    chain's end. A link is kept for `_LINK` seconds, and a writer that was paused for longer than
    half of that reads again, so nobody can continue from a content that was replaced. What this
    cannot withstand: a cache that drops a link early, or a writer that is paused for half an hour
    between its last look at the time and the `add`.

    Caches of unknown classes may swallow errors and drop writes, or be no cache at all: a miss is
    believed only after the cache has shown that it keeps things.
    """

    _LINK = 3600.0
    _HEAD = struct.Struct(">d16s")

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def read(self, name: str) -> tuple[bytes | None, Token]:
        asked = time.monotonic()
        with answering():
            entry = self._newest([name]).get(name)
        if entry is None:
            return None, None
        return entry[self._HEAD.size :] or None, (self._id(entry), asked)

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        with answering():
            newest = self._newest(list(names))
        found = {name: entry[self._HEAD.size :] for name, entry in newest.items()}
        return {name: data for name, data in found.items() if data}

    def swap(self, name: str, token: Token, data: bytes, timeout: float) -> bool:
        until = time.time() + timeout
        entry = self._HEAD.pack(until, secrets.token_bytes(16)) + data
        with answering():
            if token is None:
                done = self._cache.add(name, entry, whole(timeout))
                if not done or self._cache.get(name) is None:
                    self._prove()
                return bool(done)
            previous, asked = token
            if time.monotonic() - asked > self._LINK / 2:
                return False
            link = self._link(name, previous)
            if not self._cache.add(link, entry, whole(self._LINK)):
                self._prove()
                return False
            self._point(name, entry)
            return True

    def drop(self, name: str, token: Token) -> bool:
        # An empty content that stays as long as a link: it stands in the way of late writers.
        return token is None or self.swap(name, token, b"", self._LINK)

    def put(self, items: Mapping[str, bytes], timeout: float) -> None:
        until = time.time() + timeout
        with answering():
            for name, data in items.items():
                entry = self._HEAD.pack(until, secrets.token_bytes(16)) + data
                if not self._cache.add(name, entry, whole(timeout)):
                    raise StoreUnavailable("the session cache does not keep what is written")

    def remove(self, names: Iterable[str]) -> None:
        with answering():
            self._cache.delete_many(names)

    def sweep(self) -> None:
        return

    def _id(self, entry: bytes) -> str:
        return str(self._HEAD.unpack_from(entry)[1].hex())

    def _link(self, name: str, previous: str) -> str:
        return f"{name}:{previous}"

    def _newest(self, names: list[str]) -> dict[str, bytes]:
        newest: dict[str, bytes] = self._cache.get_many(names)
        if len(newest) < len(set(names)):
            self._prove()
        ends = newest
        while ends:
            links = {self._link(name, self._id(entry)): name for name, entry in ends.items()}
            ends = {links[link]: entry for link, entry in self._cache.get_many(links).items()}
            for name, entry in ends.items():  # a writer was killed before it could say so
                self._point(name, entry)
            newest |= ends
        return newest

    def _point(self, name: str, entry: bytes) -> None:
        """Lets the name say where the chain ends. Somebody faster may be at a later link already:
        whoever may have set the name back looks for that, and sets it forward again."""
        while True:
            until, _ = self._HEAD.unpack_from(entry)
            self._cache.set(name, entry, whole(until - time.time()))
            link = self._link(name, self._id(entry))
            found = self._cache.get_many([name, link])
            if name not in found:
                raise StoreUnavailable("the session cache does not keep what is written")
            if link not in found:
                return
            entry = found[link]

    def _prove(self) -> None:
        name, probe = f"ss:probe:{secrets.token_hex(8)}", secrets.token_bytes(8)
        self._cache.set(name, probe, 60)
        if self._cache.get(name) != probe:
            raise StoreUnavailable("the session cache does not keep what is written")
        self._cache.delete(name)
