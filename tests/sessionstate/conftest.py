"""One contract, every backend: a test that takes `backend` runs once per backend."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from django.test import override_settings

from sessionstate import clock
from sessionstate.backends import get_backend
from sessionstate.backends.base import Backend

BACKENDS = ["memory", "db", "redis"]


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


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[Backend]:
    if request.param == "redis":
        request.getfixturevalue("redis_store")
    with override_settings(SESSIONSTATE_BACKEND=request.param):
        yield get_backend()


@pytest.fixture(autouse=True)
def real_time() -> Iterator[None]:
    yield
    clock.reset()
