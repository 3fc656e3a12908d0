"""The classes of cache that the cache backend is tested on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.test import override_settings

from sessionstate.backends.base import Address
from sessionstate.backends.cache import Backend
from sessionstate.backends.cache.cell import Cell, cell_name, decode
from tests.sessionstate.test_backends import A

Config = dict[str, Any]
ROOMY = {"MAX_ENTRIES": 100_000}


def locmem(request: pytest.FixtureRequest) -> Config:
    return config("locmem.LocMemCache", request.node.nodeid, OPTIONS=ROOMY)


def files(request: pytest.FixtureRequest) -> Config:
    path: Path = request.getfixturevalue("tmp_path")
    return config("filebased.FileBasedCache", str(path / "cache"), OPTIONS=ROOMY)


def pymemcache(request: pytest.FixtureRequest) -> Config:
    return config("memcached.PyMemcacheCache", request.getfixturevalue("memcached_server"))


def pylibmc(request: pytest.FixtureRequest) -> Config:
    pytest.importorskip("pylibmc", reason="missing component: pylibmc")
    return config("memcached.PyLibMCCache", request.getfixturevalue("memcached_server"))


def django_redis(request: pytest.FixtureRequest) -> Config:
    url = request.getfixturevalue("redis_server")
    return {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url}


def redis(request: pytest.FixtureRequest) -> Config:
    return config("redis.RedisCache", request.getfixturevalue("redis_server"))


def database(request: pytest.FixtureRequest) -> Config:
    """Stands for all classes that we know nothing of."""
    return config("db.DatabaseCache", "session_cache", OPTIONS=ROOMY)


def config(backend: str, location: str, **more: Any) -> Config:
    path = f"django.core.cache.backends.{backend}"
    return {"BACKEND": path, "LOCATION": location, "KEY_PREFIX": "site", **more}


CACHES: list[Callable[[pytest.FixtureRequest], Config]] = [
    *(locmem, files, pymemcache, pylibmc, django_redis, redis, database)
]


@contextmanager
def cache_backend(config: Config) -> Iterator[Backend]:
    """The backend on an empty cache with this configuration."""
    with override_settings(SESSIONSTATE_BACKEND="cache", CACHES={"default": config}):
        if config["BACKEND"].endswith("DatabaseCache"):
            call_command("createcachetable")
        caches["default"].clear()
        yield Backend()


def cell_of(backend: Backend, address: Address = A) -> Cell:
    return decode(backend._store.read(cell_name(address))[0], address)


def before_swap(
    monkeypatch: pytest.MonkeyPatch, backend: Backend, action: Callable[[], object]
) -> None:
    """Once, when the next record is about to be replaced: the latest moment to be paused."""
    store = backend._store

    def late(operation: Callable[..., bool]) -> Callable[..., bool]:
        def call(name: str, *args: Any) -> bool:
            if name.startswith("ss:c:"):
                monkeypatch.undo()
                action()
            return operation(name, *args)

        return call

    monkeypatch.setattr(store, "swap", late(store.swap))
    monkeypatch.setattr(store, "drop", late(store.drop))
