"""Redis, through Django's cache class or django-redis: compare-and-swap by a script."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.cache import caches

from sessionstate.backends.cache.stores import (
    OnConnect,
    Token,
    answering,
    patience,
    rebuilt,
    whole,
)


def django_store(alias: str, on_connect: OnConnect) -> RedisStore:
    """On `django.core.cache.backends.redis.RedisCache`."""
    cache = rebuilt(alias, **_options(on_connect))
    return RedisStore(cache, cache._cache.get_client(None, write=True))


def _options(on_connect: OnConnect) -> dict[str, Any]:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    def connected(connection: Any) -> None:
        connection.on_connect()
        on_connect()

    return {
        "redis_connect_func": connected,
        "socket_timeout": patience(),
        "socket_connect_timeout": patience(),
        "decode_responses": False,
        # What the site tries again would add its time to ours.
        "retry": Retry(NoBackoff(), 0),
    }


def django_redis_store(alias: str, on_connect: OnConnect) -> RedisStore | None:
    """On django-redis; `None` for a client without one place for all keys (`ShardClient`)."""
    given = (caches.settings[alias].get("OPTIONS") or {}).get("CONNECTION_POOL_KWARGS") or {}
    own = {**given, **_options(on_connect)}
    client = rebuilt(alias, CONNECTION_POOL_KWARGS=own).client
    factory = client.connection_factory
    # Pools are shared by URL, whatever their options: ours shall have its own timeouts.
    factory.get_or_create_connection_pool = factory.get_connection_pool
    try:
        return RedisStore(client._backend, client.get_client(write=True))
    except NotImplementedError:
        return None


# ARGV[1] is the digest of what must be there, or "" for nothing.
_CHECK = """
local held = redis.call('GET', KEYS[1])
if (held and redis.sha1hex(held) or '') ~= ARGV[1] then return 0 end
"""
_SWAP = f"""{_CHECK}
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
return 1
"""
_DROP = f"""{_CHECK}
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
