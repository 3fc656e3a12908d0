"""Stores on clients that can compare and swap themselves, and the choice of the store.

The clients are built with the site's own settings but for three things: they answer within
`SESSIONSTATE_STORE_TIMEOUT`, they never swallow an error (`ignore_exc`, `IGNORE_EXCEPTIONS`), and
a server that failed is not silently replaced by another one, which knows nothing of its sessions.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.memcached import BaseMemcachedCache, PyLibMCCache, PyMemcacheCache
from django.core.cache.backends.redis import RedisCache
from django.utils.module_loading import import_string

from sessionstate.backends.cache.stores import (
    ChainStore,
    FileStore,
    LocMemStore,
    Store,
    Token,
    answering,
    whole,
)
from sessionstate.conf import conf
from sessionstate.errors import StoreUnavailable


def open_store(alias: str) -> Store:
    cache: Any = caches.create_connection(alias)
    if isinstance(cache, FileBasedCache):
        return FileStore(cache)
    if isinstance(cache, LocMemCache):
        return LocMemStore(cache)
    if isinstance(cache, PyMemcacheCache | PyLibMCCache):
        return MemcachedStore(alias)
    if isinstance(cache, RedisCache):
        own = _rebuilt(alias, **_redis_options())
        return RedisStore(own, own._cache.get_client(None, write=True))
    if hasattr(cache, "client") and hasattr(cache.client, "connection_factory"):
        return _django_redis_store(alias) or ChainStore(cache)
    return ChainStore(cache)


def _patience() -> float:
    """Of one answer, a bit less than of the whole operation."""
    return conf.store_timeout * 0.8


def _rebuilt(alias: str, **options: Any) -> Any:
    """The alias's cache with some other options."""
    params = dict(caches.settings[alias])
    backend, location = import_string(params.pop("BACKEND")), params.pop("LOCATION", "")
    params["OPTIONS"] = {**(params.get("OPTIONS") or {}), **options}
    return backend(location, params)


# Redis -----------------------------------------------------------------------------------------


def _redis_options() -> dict[str, Any]:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return {
        "socket_timeout": _patience(),
        "socket_connect_timeout": _patience(),
        "decode_responses": False,
        # By itself it would try three times more, with pauses of seconds.
        "retry": Retry(NoBackoff(), 0),
    }


def _django_redis_store(alias: str) -> Store | None:
    """`None` for a client without one place for all keys (`ShardClient`)."""
    given = (caches.settings[alias].get("OPTIONS") or {}).get("CONNECTION_POOL_KWARGS") or {}
    client = _rebuilt(alias, CONNECTION_POOL_KWARGS={**given, **_redis_options()}).client
    factory = client.connection_factory
    # Pools are shared by URL, whatever their options: ours shall have its own timeouts.
    factory.get_or_create_connection_pool = factory.get_connection_pool
    try:
        return RedisStore(client._backend, client.get_client(write=True))
    except NotImplementedError:
        return None


_SWAP = """
local held = redis.call('GET', KEYS[1])
if held then
    if redis.sha1hex(held) ~= ARGV[1] then return 0 end
elseif ARGV[1] ~= '' then return 0 end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
return 1
"""
_DROP = """
local held = redis.call('GET', KEYS[1])
if held and redis.sha1hex(held) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""


class RedisStore:
    """Talks to the primary only, in bytes: the site's serializer and compressor have no part."""

    def __init__(self, cache: Any, client: Any) -> None:
        self._cache = cache
        self._client = client
        self._swap = client.register_script(_SWAP)
        self._drop = client.register_script(_DROP)

    def _key(self, name: str) -> str:
        return str(self._cache.make_key(name))

    def read(self, name: str) -> tuple[bytes | None, Token]:
        with answering():
            data = self._client.get(self._key(name))
        if data is None:
            return None, ""
        return data, hashlib.sha1(data, usedforsecurity=False).hexdigest()

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        names = list(names)
        with answering():
            found = self._client.mget(map(self._key, names))
        pairs = zip(names, found, strict=True)
        return {name: data for name, data in pairs if data is not None}

    def swap(self, name: str, token: Token, data: bytes, timeout: float) -> bool:
        with answering():
            return bool(self._swap([self._key(name)], [token, data, whole(timeout) or ""]))

    def drop(self, name: str, token: Token) -> bool:
        with answering():
            return bool(self._drop([self._key(name)], [token]))

    def put(self, items: Mapping[str, bytes], timeout: float) -> None:
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for name, data in items.items():
                pipe.set(self._key(name), data, ex=whole(timeout))
            pipe.execute()

    def remove(self, names: Iterable[str]) -> None:
        with answering():
            self._client.delete(*map(self._key, names))

    def sweep(self) -> None:
        return


# memcached -------------------------------------------------------------------------------------


class MemcachedStore:
    """`gets` and `cas` of pymemcache and pylibmc.

    Both clients are for one thread at a time, so idle ones are kept and handed out. One that
    failed is thrown away with all idle ones: pymemcache would answer "not there" for a second,
    and then ask another server.
    """

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._idle: deque[Any] = deque()
        self._process = os.getpid()

    def __del__(self) -> None:
        self._close_idle()

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
            cache = self._new()
        with answering():
            try:
                yield cache
            except BaseException:
                _close(cache)
                self._close_idle()
                raise
        self._idle.append(cache)

    def _new(self) -> Any:
        seconds = _patience()
        options = caches.settings[self._alias].get("OPTIONS") or {}
        if issubclass(import_string(caches.settings[self._alias]["BACKEND"]), PyMemcacheCache):
            return _rebuilt(
                self._alias,
                timeout=seconds,
                connect_timeout=seconds,
                ignore_exc=False,
                no_delay=True,
            )
        behaviors = dict(options.get("behaviors") or {})
        behaviors.pop("remove_failed", None)
        behaviors |= {
            "cas": True,
            "tcp_nodelay": True,
            "auto_eject": False,
            "connect_timeout": int(seconds * 1000),
            "_poll_timeout": int(seconds * 1000),
            "send_timeout": int(seconds * 1_000_000),
            "receive_timeout": int(seconds * 1_000_000),
        }
        return _rebuilt(self._alias, behaviors=behaviors)

    def read(self, name: str) -> tuple[bytes | None, Token]:
        with self._client() as cache:
            data, token = cache._cache.gets(cache.make_and_validate_key(name))
            return data or None, token

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        with self._client() as cache:
            found: dict[str, bytes] = cache.get_many(list(names))
            return {name: data for name, data in found.items() if data}

    def swap(self, name: str, token: Token, data: bytes, timeout: float) -> bool:
        with self._client() as cache:
            if token is None:
                return bool(cache.add(name, data, whole(timeout)))
            key = cache.make_and_validate_key(name)
            seconds = cache.get_backend_timeout(whole(timeout))
            with suppress(cache.LibraryValueNotFoundException):
                return bool(cache._cache.cas(key, data, token, seconds))
            return False

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


def _close(cache: BaseMemcachedCache) -> None:
    with suppress(Exception):
        cache._cache.disconnect_all()  # type: ignore[attr-defined]
