"""Read, change, compare-and-swap, and again when somebody was faster."""

from __future__ import annotations

import math
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from zlib import crc32

from sessionstate.backends.cache.stores import Store
from sessionstate.conf import conf
from sessionstate.errors import StoreUnavailable

_TURNS = 256


@dataclass(frozen=True, slots=True)
class Write:
    """The new content, b"" for none; `timeout` in seconds."""

    data: bytes
    timeout: float


class _Turn:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.failed = -math.inf


class Swapper:
    """Threads of one process take turns, so that they do not undo each other's work in vain. That
    is for speed alone: between processes, and for what is correct, there is the swap.

    A `change` may use another swapper, never its own.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._process = 0
        self._turns: list[_Turn] = []

    def swap(self, name: str, change: Callable[[bytes | None], Write | None]) -> None:
        """Replaces a content by what `change` makes of it; `None` leaves it as it is.

        `change` is called again after each swap that failed because somebody else's came first.
        What it raises ends the matter, with nothing changed.
        """
        with self._turn(name):
            deadline = time.monotonic() + conf.lock_timeout
            attempt = 0
            while True:
                held, token = self.store.read(name)
                write = change(held)
                if write is None or self._written(name, token, write):
                    return
                if time.monotonic() > deadline:
                    raise StoreUnavailable("too many writers of one record")
                attempt += 1
                time.sleep(random.uniform(0, 0.001) * min(attempt, 10))

    def _written(self, name: str, token: object, write: Write) -> bool:
        if write.data:
            return self.store.swap(name, token, write.data, write.timeout)
        return self.store.drop(name, token)

    @contextmanager
    def _turn(self, name: str) -> Iterator[None]:
        if self._process != os.getpid():  # a fork inherits locks that nobody will release
            self._turns = [_Turn() for _ in range(_TURNS)]
            self._process = os.getpid()
        asked = time.monotonic()
        turn = self._turns[crc32(name.encode()) % _TURNS]
        if not turn.lock.acquire(timeout=conf.store_timeout):
            raise StoreUnavailable("the session cache does not answer")
        try:
            if turn.failed >= asked:  # who had the turn waited for the cache in vain, for us too
                raise StoreUnavailable("the session cache does not answer")
            yield
        except StoreUnavailable:
            turn.failed = time.monotonic()
            raise
        finally:
            turn.lock.release()
