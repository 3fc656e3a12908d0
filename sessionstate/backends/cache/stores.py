"""Bytes under names in a `CACHES` alias, with the compare-and-swap that the cache API lacks.

Every cache class gets the strongest swap that it can do:

- LocMem and file caches compare and set under a lock: of the process, or of the operating system
  (which frees it when its holder is killed). `FileBasedCache.add` alone is not atomic.
- memcached: `gets` and `cas`; Redis: a script.
- any other: links made of an atomic `add`. See `chain`.

Clients of servers are built with the site's own settings but for three things: they answer within
`SESSIONSTATE_STORE_TIMEOUT`, they never swallow an error (`ignore_exc`, `IGNORE_EXCEPTIONS`), and
a server that failed is not silently replaced by another one, which knows nothing of its sessions.
"""

from __future__ import annotations

import errno
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

from django.core.cache import caches
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured
from django.core.files import locks
from django.utils.module_loading import import_string

from sessionstate.conf import conf
from sessionstate.errors import StoreFull, StoreUnavailable
from sessionstate.graves import ANSWER

# Called for each new connection.
OnConnect = Callable[[], None]
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
        if _says_full(error):
            raise StoreFull("the session cache has no room") from error
        raise StoreUnavailable("the session cache does not answer") from error


def _says_full(error: Exception) -> bool:
    text = str(error).lower()
    return (
        getattr(error, "errno", None) == errno.ENOSPC
        or "out of memory" in text  # memcached
        or "'maxmemory'" in text  # Redis
    )


def whole(timeout: float) -> int | None:
    """As the cache API takes it: whole seconds, None for never."""
    return None if math.isinf(timeout) else max(math.ceil(timeout), 1)


def patience() -> float:
    """Seconds to wait for one answer."""
    return conf.store_timeout * ANSWER


def rebuilt(alias: str, **options: Any) -> Any:
    """The alias's cache, for ourselves, with these options in place of its own."""
    params = dict(caches.settings[alias])
    backend, location = import_string(params.pop("BACKEND")), params.pop("LOCATION", "")
    params["OPTIONS"] = {**(params.get("OPTIONS") or {}), **options}
    return backend(location, params)


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
