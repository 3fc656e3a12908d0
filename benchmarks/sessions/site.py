"""Django with `sessionstate` and Django's own session engines, on one set of stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command


class Router:
    """Sends the models of sessions to the database of whoever's turn it is."""

    alias = "default"

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return Router.alias

    db_for_write = db_for_read


def set_up(*, directory: Path, redis: int | None = None, postgres: int | None = None) -> None:
    """SQLite as the alias `default`, and by their ports `postgres` and the cache `default`.

    Connections stay open, as in a server under load; SQLite is set as the project sets it.
    """
    databases: dict[str, dict[str, Any]] = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": directory / "db.sqlite3",
            "OPTIONS": {
                "timeout": 5,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    }
    if postgres:
        databases["postgres"] = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "postgres",
            "HOST": "127.0.0.1",
            "PORT": postgres,
        }
    caches: dict[str, dict[str, Any]] = {
        "locmem": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    }
    if redis:
        caches["default"] = {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{redis}/0",
            "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 2, "SOCKET_TIMEOUT": 2},
        }
    else:
        caches["default"] = caches["locmem"]
    settings.configure(
        SECRET_KEY="of a benchmark",
        INSTALLED_APPS=["sessionstate", "django.contrib.sessions"],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={name: {**config, "CONN_MAX_AGE": None} for name, config in databases.items()},
        DATABASE_ROUTERS=[Router()],
        CACHES=caches,
        SESSION_CACHE_ALIAS="default",
        SESSIONSTATE_BACKEND="db",
        SESSIONSTATE_MAX_BYTES=64 << 20,
    )
    django.setup()
    for alias in databases:
        Router.alias = alias
        call_command("migrate", database=alias, verbosity=0)
