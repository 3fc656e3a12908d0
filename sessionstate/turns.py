"""Waiting one's turn for `atomic()`.

Inside a process the waiters of one address queue up for a lock of the process, so that each
process asks the store with one voice, however many callbacks wait.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from weakref import WeakKeyDictionary, WeakValueDictionary

from sessionstate.backends.base import Address, Backend
from sessionstate.conf import conf
from sessionstate.errors import LockTimeout

# Between two attempts, in seconds; with jitter, so that processes do not march in step.
_PAUSE = (0.001, 0.01)

_guard = threading.Lock()
_locks: WeakValueDictionary[Address, _Lock] = WeakValueDictionary()
_async_locks: WeakKeyDictionary[
    asyncio.AbstractEventLoop, WeakValueDictionary[Address, asyncio.Lock]
] = WeakKeyDictionary()


class _Lock:
    """`threading.Lock` itself cannot be referenced weakly."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def _local_lock(address: Address) -> _Lock:
    with _guard:
        return _locks.setdefault(address, _Lock())


def _local_async_lock(address: Address) -> asyncio.Lock:
    locks = _async_locks.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    return locks.setdefault(address, asyncio.Lock())


def _timeout(address: Address) -> LockTimeout:
    return LockTimeout(f"no lock on this {address.kind} in {conf.lock_timeout} s")


@contextmanager
def turn(backend: Backend, address: Address, token: str) -> Iterator[None]:
    """Holds the store's lock on `address` as `token`. Raises `LockTimeout`."""
    deadline = time.monotonic() + conf.lock_timeout
    local = _local_lock(address)
    if not local.lock.acquire(timeout=conf.lock_timeout):
        raise _timeout(address)
    try:
        while not backend.lock(address, token, conf.lock_age):
            if time.monotonic() > deadline:
                raise _timeout(address)
            time.sleep(random.uniform(*_PAUSE))
        try:
            yield
        finally:
            backend.unlock(address, token)
    finally:
        local.lock.release()


@asynccontextmanager
async def aturn(backend: Backend, address: Address, token: str) -> AsyncIterator[None]:
    deadline = time.monotonic() + conf.lock_timeout
    local = _local_async_lock(address)
    try:
        await asyncio.wait_for(local.acquire(), conf.lock_timeout)
    except TimeoutError:
        raise _timeout(address) from None
    try:
        while not await backend.alock(address, token, conf.lock_age):
            if time.monotonic() > deadline:
                raise _timeout(address)
            await asyncio.sleep(random.uniform(*_PAUSE))
        try:
            yield
        finally:
            await backend.aunlock(address, token)
    finally:
        local.release()
