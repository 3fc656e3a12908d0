"""Bytes under names in a `CACHES` alias, with the compare-and-swap that the cache API lacks.

Every cache class gets the strongest swap that it can do:

- LocMem and file caches compare and set under a lock: of the process, or of the operating system
  (which frees it when its holder is killed). `FileBasedCache.add` alone is not atomic.
- memcached: `gets` and `cas`; Redis: a script. See `clients`.
- any other: `ChainStore`, which needs nothing but an atomic `add`.
"""

from __future__ import annotations

import math
import secrets
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured
from django.core.files import locks

from sessionstate.conf import conf
from sessionstate.errors import StoreUnavailable

# What a stored name said when it was read; only the store that gave it can make use of it.
Token = Any


class Store(Protocol):
    """Timeouts are seconds, infinite for never. Whatever fails raises `StoreUnavailable`."""

    def read(self, name: str) -> tuple[bytes | None, Token]:
        """The newest content, and a token that stands for exactly this content."""

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        """What there is of these; the newest content of each."""

    def swap(self, name: str, token: Token, data: bytes, timeout: float) -> bool:
        """Replaces the content that `token` stands for; `False` when it is another by now."""

    def drop(self, name: str, token: Token) -> bool:
        """Removes the content that `token` stands for; `False` when it is another by now."""

    def put(self, items: Mapping[str, bytes], timeout: float) -> None:
        """Writes names that were never used before."""

    def remove(self, names: Iterable[str]) -> None: ...

    def sweep(self) -> None:
        """Frees what the cache would keep although its timeout has passed."""


@contextmanager
def answering() -> Iterator[None]:
    """Whatever a client library raises means that the cache did not do its work."""
    try:
        yield
    except (StoreUnavailable, ImproperlyConfigured):
        raise
    except Exception as error:
        raise StoreUnavailable("the session cache does not answer") from error


def whole(timeout: float) -> int | None:
    """As the cache API takes it: whole seconds, None for never."""
    return None if math.isinf(timeout) else max(math.ceil(timeout), 1)


class GuardedStore:
    """Compare and set under a lock that every process with this cache shares."""

    def __init__(self, cache: Any, guard: Callable[[str], AbstractContextManager[Any]]) -> None:
        self._cache = cache
        self._guard = guard

    def read(self, name: str) -> tuple[bytes | None, Token]:
        with answering():
            data = self._cache.get(name)
            return data, data

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        with answering():
            found: dict[str, bytes] = self._cache.get_many(list(names))
            return found

    def swap(self, name: str, token: Token, data: bytes, timeout: float) -> bool:
        with answering(), self._guard(name):
            if self._cache.get(name) != token:
                return False
            self._cache.set(name, data, whole(timeout))
            if self._cache.get(name) != data:
                raise StoreUnavailable("the session cache does not keep what is written")
            return True

    def drop(self, name: str, token: Token) -> bool:
        with answering(), self._guard(name):
            if self._cache.get(name) != token:
                return False
            self._cache.delete(name)
            return True

    def put(self, items: Mapping[str, bytes], timeout: float) -> None:
        with answering():
            self._cache.set_many(items, whole(timeout))

    def remove(self, names: Iterable[str]) -> None:
        with answering():
            self._cache.delete_many(names)

    def sweep(self) -> None:
        return


_STRIPES = 64
# All LocMem caches of the process share these; a stripe is held for microseconds.
_thread_locks = [threading.Lock() for _ in range(_STRIPES)]


def _stripe(name: str) -> int:
    return crc32(name.encode()) % _STRIPES


class LocMemStore(GuardedStore):
    def __init__(self, cache: LocMemCache) -> None:
        super().__init__(cache, lambda name: _thread_locks[_stripe(name)])


class FileStore(GuardedStore):
    """Files beside those of the cache are locked, by whatever the operating system offers.

    Reading is guarded too: `FileBasedCache` deletes a file that it finds expired by its name,
    and by then the name may be a newer file's.
    """

    def __init__(self, cache: FileBasedCache) -> None:
        super().__init__(cache, self._locked)
        self._directory = Path(cache._dir)  # type: ignore[attr-defined]

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        deadline = time.monotonic() + conf.store_timeout
        self._cache._createdir()
        with (self._directory / f"sessionstate-{_stripe(name)}.lock").open("ab") as file:
            pause = 0.0001
            while not locks.lock(file, locks.LOCK_EX | locks.LOCK_NB):
                if time.monotonic() > deadline:
                    raise StoreUnavailable("somebody holds a lock of the session cache's files")
                time.sleep(pause)
                pause = min(pause * 2, 0.005)
            try:
                yield
            finally:
                locks.unlock(file)

    def read(self, name: str) -> tuple[bytes | None, Token]:
        with answering(), self._locked(name):
            data = self._cache.get(name)
            return data, data

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        found = {name: self.read(name)[0] for name in names}
        return {name: data for name, data in found.items() if data is not None}

    def sweep(self) -> None:
        with answering():
            for path in self._directory.glob(f"*{self._cache.cache_suffix}"):
                with suppress(FileNotFoundError), path.open("rb") as file:
                    self._cache._is_expired(file)


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
        with answering():
            asked = time.monotonic()
            entry = self._newest(name, self._cache.get(name))
            if entry is None:
                self._prove()
                return None, None
            return entry[self._HEAD.size :] or None, (self._id(entry), asked)

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        with answering():
            found = self._cache.get_many(list(names))
            newest = {name: self._newest(name, entry) for name, entry in found.items()}
            return {
                name: entry[self._HEAD.size :]
                for name, entry in newest.items()
                if entry is not None and len(entry) > self._HEAD.size
            }

    def swap(self, name: str, token: Token, data: bytes, timeout: float) -> bool:
        until = time.time() + timeout
        entry = self._HEAD.pack(until, secrets.token_bytes(16)) + data
        with answering():
            if token is None:
                done = self._cache.add(name, entry, whole(timeout))
                if done and self._cache.get(name) is None:
                    raise StoreUnavailable("the session cache does not keep what is written")
                return bool(done)
            previous, asked = token
            if time.monotonic() - asked > self._LINK / 2:
                return False
            link = self._link(name, previous)
            if not self._cache.add(link, entry, whole(self._LINK)):
                if self._cache.get(link) is None:
                    raise StoreUnavailable("the session cache does not keep what is written")
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

    def _newest(self, name: str, entry: bytes | None) -> bytes | None:
        if entry is None:
            return None
        first = entry
        while (following := self._cache.get(self._link(name, self._id(entry)))) is not None:
            entry = following
        if entry is not first:  # the writer was killed before it could say so
            self._point(name, entry)
        return entry

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
