"""One contract, every backend: a test that takes `backend` runs once per backend."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from django.core.cache import caches
from django.test import override_settings

from sessionstate import clock
from sessionstate.backends import get_backend
from sessionstate.backends.base import Backend

BACKENDS = ["memory", "db", "cache", "redis"]


@pytest.fixture
def redis_store(redis_server: str) -> Iterator[redis.Redis]:
    """An empty Redis that the redis backend uses; yields a client of the same database."""
    url = redis_server.removesuffix("/0") + "/9"
    alias = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url}
    with (
        override_settings(
            CACHES=settings.CACHES | {"redis": alias}, SESSIONSTATE_REDIS_ALIAS="redis"
        ),
        redis.Redis.from_url(url) as client,
    ):
        client.flushdb()
        yield client


@pytest.fixture
def cache_store(request: pytest.FixtureRequest) -> Iterator[None]:
    """An empty cache in memory that the cache backend uses, and that drops nothing."""
    alias = {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": request.node.nodeid,
        "OPTIONS": {"MAX_ENTRIES": 1_000_000},
    }
    with override_settings(
        CACHES=settings.CACHES | {"sessions": alias}, SESSIONSTATE_CACHE_ALIAS="sessions"
    ):
        caches["sessions"].clear()
        yield
        caches["sessions"].clear()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[Backend]:
    if request.param in ("cache", "redis"):
        request.getfixturevalue(f"{request.param}_store")
    with override_settings(SESSIONSTATE_BACKEND=request.param):
        yield get_backend()


@pytest.fixture(autouse=True)
def real_time() -> Iterator[None]:
    yield
    clock.reset()
