"""The contract on every class of cache, and what is particular to caches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings

from sessionstate.backends import get_backend
from sessionstate.backends.base import Backend
from tests.sessionstate import test_backends

Config = dict[str, Any]


def locmem(request: pytest.FixtureRequest) -> Config:
    options = {"MAX_ENTRIES": 100_000}
    name = request.node.name
    return config("locmem.LocMemCache", name, OPTIONS=options)


def files(request: pytest.FixtureRequest) -> Config:
    path: Path = request.getfixturevalue("tmp_path")
    return config("filebased.FileBasedCache", str(path), OPTIONS={"MAX_ENTRIES": 100_000})


def pymemcache(request: pytest.FixtureRequest) -> Config:
    return config("memcached.PyMemcacheCache", request.getfixturevalue("memcached_server"))


def pylibmc(request: pytest.FixtureRequest) -> Config:
    pytest.importorskip("pylibmc")
    return config("memcached.PyLibMCCache", request.getfixturevalue("memcached_server"))


def django_redis(request: pytest.FixtureRequest) -> Config:
    url = request.getfixturevalue("redis_server")
    return {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url}


def redis(request: pytest.FixtureRequest) -> Config:
    return config("redis.RedisCache", request.getfixturevalue("redis_server"))


def database(request: pytest.FixtureRequest) -> Config:
    """Stands for all classes that we know nothing of."""
    return config("db.DatabaseCache", "session_cache", OPTIONS={"MAX_ENTRIES": 100_000})


def config(backend: str, location: str, **more: Any) -> Config:
    path = f"django.core.cache.backends.{backend}"
    return {"BACKEND": path, "LOCATION": location, "KEY_PREFIX": "t", **more}


CACHES = [locmem, files, pymemcache, pylibmc, django_redis, redis, database]


@pytest.fixture(params=CACHES, ids=lambda cache: cache.__name__)
def cache_config(request: pytest.FixtureRequest) -> Config:
    found: Config = request.param(request)
    return found


@pytest.fixture
def backend(cache_config: Config, transactional_db: None) -> Iterator[Backend]:
    with override_settings(SESSIONSTATE_BACKEND="cache", CACHES={"default": cache_config}):
        from django.core.cache import caches

        if cache_config["BACKEND"].endswith("DatabaseCache"):
            call_command("createcachetable")
        caches["default"].clear()
        yield get_backend()
        caches["default"].clear()


# The contract suite runs here once more, with the fixture above.
globals().update({name: test for name, test in vars(test_backends).items() if name[:5] == "test_"})
