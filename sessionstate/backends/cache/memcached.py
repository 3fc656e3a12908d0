"""memcached, through pymemcache or pylibmc: compare-and-swap by `gets` and `cas`."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from django.core.cache import caches
from django.core.cache.backends.memcached import BaseMemcachedCache

from sessionstate.backends.cache.stores import (
    OnConnect,
    Token,
    answering,
    patience,
    rebuilt,
    whole,
)
from sessionstate.errors import StoreUnavailable

R = TypeVar("R")

# memcached counts its tokens up from 1.
_NO_TOKEN = 1 << 62


class MemcachedStore:
    """Both clients are for one thread at a time, so idle ones are kept and handed out. One that
    failed is thrown away, with all idle ones."""

    def __init__(self, alias: str, on_connect: OnConnect) -> None:
        self._alias = alias
        self._on_connect = on_connect
        self._idle: deque[Any] = deque()
        self._process = os.getpid()

    def __del__(self) -> None:
        self._close_idle()

    def _new(self) -> Any:
        raise NotImplementedError

    def _close_idle(self) -> None:
        while True:
            try:
                cache = self._idle.pop()
            except IndexError:
                return
            _close(cache)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """A cache whose client nobody else uses meanwhile."""
        if self._process != os.getpid():  # a fork must not write into its parent's connections
            self._idle, self._process = deque(), os.getpid()
        try:
            cache = self._idle.pop()
        except IndexError:
            self._on_connect()
            cache = self._new()
        with answering():
            try:
                yield cache
            except BaseException:
                _close(cache)
                self._close_idle()
                raise
        self._idle.append(cache)

    def read(self, name: str) -> tuple[bytes | None, Token]:
        return self._reading(lambda cache: self._get(cache, name))

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        names = list(names)
        return self._reading(lambda cache: self._get_many(cache, names))

    def _reading(self, ask: Callable[[Any], R]) -> R:
        """Every operation begins with reading, so this is where connections turn out to be stale:
        closed by a server that was restarted, or that ends idle ones."""
        reused, asked = bool(self._idle), time.monotonic()
        try:
            with self._client() as cache:
                return ask(cache)
        except StoreUnavailable:
            if not reused or time.monotonic() - asked > patience() / 2:
                raise
        with self._client() as cache:
            return ask(cache)

    def _get(self, cache: Any, name: str) -> tuple[bytes | None, Token]:
        data, token = cache._cache.gets(cache.make_and_validate_key(name))
        return data or None, token

    def _get_many(self, cache: Any, names: list[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = cache.get_many(names)
        return {name: data for name, data in found.items() if data}

    def swap(self, name: str, token: Token, data: bytes, timeout: float) -> bool:
        with self._client() as cache:
            if token is None:
                return bool(cache.add(name, data, whole(timeout)))
            return _cas(cache, name, token, data, timeout)

    def drop(self, name: str, token: Token) -> bool:
        # There is no "delete if": an empty content does it, which is gone in a second.
        return token is None or self.swap(name, token, b"", 1)

    def put(self, items: Mapping[str, bytes], timeout: float) -> None:
        with self._client() as cache:
            for name, data in items.items():
                if not cache.add(name, data, whole(timeout)):
                    raise StoreUnavailable("the session cache does not take the values")

    def remove(self, names: Iterable[str]) -> None:
        with self._client() as cache:
            cache.delete_many(list(names))

    def sweep(self) -> None:
        return


class PymemcacheStore(MemcachedStore):
    """After an error a client of pymemcache answers "not there" for a second, and then asks
    another server: that is why none is used again."""

    def _new(self) -> Any:
        return rebuilt(
            self._alias,
            timeout=patience(),
            connect_timeout=patience(),
            ignore_exc=False,
            no_delay=True,
        )


class PylibmcStore(MemcachedStore):
    """pylibmc says "not there" of a server that is silent or has just gone. A miss is believed
    only when the server then tells that the name cannot be swapped."""

    def _new(self) -> Any:
        options = caches.settings[self._alias].get("OPTIONS") or {}
        behaviors = dict(options.get("behaviors") or {})
        behaviors.pop("remove_failed", None)
        seconds = patience()
        behaviors |= {
            "cas": True,
            "tcp_nodelay": True,
            "auto_eject": False,
            "connect_timeout": int(seconds * 1000),
            "_poll_timeout": int(seconds * 1000),
            "send_timeout": int(seconds * 1_000_000),
            "receive_timeout": int(seconds * 1_000_000),
        }
        return rebuilt(self._alias, behaviors=behaviors)

    def _get(self, cache: Any, name: str) -> tuple[bytes | None, Token]:
        # Given as `str` it is freed while `gets` waits, and may ask for another thread's key.
        key = cache.make_and_validate_key(name).encode()
        while True:
            asked = time.monotonic()
            data, token = cache._cache.gets(key)
            if token is not None or self._is_missing(cache, name, asked):
                return data or None, token

    def _get_many(self, cache: Any, names: list[str]) -> dict[str, bytes]:
        asked = time.monotonic()
        found = super()._get_many(cache, names)
        for name in names:
            if name not in found and not self._is_missing(cache, name, asked):
                data, _ = self._get(cache, name)
                if data is not None:
                    found[name] = data
        return found

    def _is_missing(self, cache: Any, name: str, asked: float) -> bool:
        if time.monotonic() - asked > 0.9 * patience():
            raise StoreUnavailable("the session cache does not answer")
        try:
            cache._cache.cas(cache.make_and_validate_key(name), b"", _NO_TOKEN, 1)
        except cache.LibraryValueNotFoundException:
            return True
        return False


def _cas(cache: Any, name: str, token: Token, data: bytes, timeout: float) -> bool:
    key = cache.make_and_validate_key(name)
    with suppress(cache.LibraryValueNotFoundException):
        seconds = cache.get_backend_timeout(whole(timeout))
        return bool(cache._cache.cas(key, data, token, seconds))
    return False


def _close(cache: BaseMemcachedCache) -> None:
    with suppress(Exception):
        cache._cache.disconnect_all()  # type: ignore[attr-defined]
