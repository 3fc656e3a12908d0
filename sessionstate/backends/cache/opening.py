"""The store that fits a `CACHES` alias."""

from __future__ import annotations

from typing import Any

from django.core.cache import caches
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.memcached import PyLibMCCache, PyMemcacheCache
from django.core.cache.backends.redis import RedisCache

from sessionstate.backends.cache.chain import ChainStore
from sessionstate.backends.cache.memcached import PylibmcStore, PymemcacheStore
from sessionstate.backends.cache.redis_client import django_redis_store, django_store
from sessionstate.backends.cache.stores import FileStore, LocMemStore, OnConnect, Store


def open_store(alias: str, on_connect: OnConnect) -> Store:
    cache: Any = caches.create_connection(alias)
    if isinstance(cache, FileBasedCache):
        return FileStore(cache)
    if isinstance(cache, LocMemCache):
        return LocMemStore(cache)
    if isinstance(cache, PyMemcacheCache):
        return PymemcacheStore(alias, on_connect)
    if isinstance(cache, PyLibMCCache):
        return PylibmcStore(alias, on_connect)
    if isinstance(cache, RedisCache):
        return django_store(alias, on_connect)
    if hasattr(cache, "client") and hasattr(cache.client, "connection_factory"):
        return django_redis_store(alias, on_connect) or ChainStore(cache)
    return ChainStore(cache)
