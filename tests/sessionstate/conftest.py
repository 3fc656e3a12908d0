"""One contract, every backend: a test that takes `backend` runs once per backend."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from django.apps import apps
from django.conf import settings
from django.core.cache import caches
from django.core.management import call_command
from django.db import connections
from django.db.models import Model
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from sessionstate import clock, threads
from sessionstate.backends import get_backend
from sessionstate.backends.base import Backend
from sessionstate.conf import conf
from tests.servers import Postgres

# "postgres" is the db backend on PostgreSQL; the tests' own database is SQLite.
BACKENDS = ["memory", "db", "postgres", "cache", "redis"]


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


class SessionsOnPostgres:
    """A database router."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return "sessions" if model._meta.app_label == "sessionstate" else None

    db_for_write = db_for_read


@pytest.fixture(scope="session")
def postgres_database(
    django_db_setup: None, postgres_server: Postgres, django_db_blocker: DjangoDbBlocker
) -> dict[str, Any]:
    """For `DATABASES`: it has the tables of sessionstate. Made after the tests' own database, whose
    end looks for all that there was at its beginning."""
    postgres_server.new_database("sessions")
    database: dict[str, Any] = connections.settings["default"] | {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "sessions",
        "HOST": "127.0.0.1",
        "PORT": postgres_server.port,
        "USER": "postgres",
        "OPTIONS": {},
    }
    with django_db_blocker.unblock(), postgres_alias(database):
        call_command("migrate", "sessionstate", database="sessions", verbosity=0)
    return database


@contextmanager
def postgres_alias(database: dict[str, Any]) -> Iterator[None]:
    """Only while it is needed: Django's tests flush all databases that they find, at length."""
    connections.settings["sessions"] = database
    yield
    close_everywhere("sessions")
    del connections["sessions"], connections.settings["sessions"]


def close_everywhere(alias: str) -> None:
    """Here, and in every thread of the pool."""
    together = threading.Barrier(conf.threads)

    def close(_: int) -> None:
        together.wait(10)
        connections[alias].close()

    list(threads._pool(conf.threads).map(close, range(conf.threads)))
    connections[alias].close()


@pytest.fixture
def postgres_store(request: pytest.FixtureRequest) -> Iterator[None]:
    """The db backend on PostgreSQL, with empty tables."""
    with postgres_alias(request.getfixturevalue("postgres_database")):
        request.getfixturevalue("transactional_db")  # which must find the alias
        router = f"{__name__}.{SessionsOnPostgres.__name__}"
        models = apps.get_app_config("sessionstate").get_models()
        tables = [model._meta.db_table for model in models if model._meta.managed]
        with override_settings(DATABASE_ROUTERS=[router]):
            with connections["sessions"].cursor() as cursor:
                cursor.execute(f"TRUNCATE {', '.join(tables)}")
            yield


def setting(backend: str) -> str:
    """What SESSIONSTATE_BACKEND is for one of BACKENDS."""
    return {"postgres": "db"}.get(backend, backend)


def stores(backend: str) -> list[str]:
    """The fixtures that one of BACKENDS needs."""
    return [f"{backend}_store"] if backend in ("cache", "redis", "postgres") else []


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    databases = ["default"] if request.param != "postgres" else ["default", "sessions"]
    request.applymarker(pytest.mark.django_db(transaction=True, databases=databases))
    for fixture in (*stores(request.param), "transactional_db"):
        request.getfixturevalue(fixture)
    with override_settings(SESSIONSTATE_BACKEND=setting(request.param)):
        yield get_backend()


@pytest.fixture(autouse=True)
def real_time() -> Iterator[None]:
    yield
    clock.reset()
