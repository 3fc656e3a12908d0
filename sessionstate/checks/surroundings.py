"""What several checks ask."""

from __future__ import annotations

import os

from django.conf import settings
from django.utils.module_loading import import_string

STORES_HINT = "Use SESSIONSTATE_BACKEND = 'db' or 'redis'"


def is_django_redis(alias: str) -> bool:
    try:
        from django_redis.cache import RedisCache as DjangoRedisCache

        kind = import_string(settings.CACHES[alias].get("BACKEND", ""))
    except ImportError:
        return False
    return isinstance(kind, type) and issubclass(kind, DjangoRedisCache)


def several_processes() -> str:
    """Why there probably are several: nothing tells a process of its siblings for certain."""
    workers = os.environ.get("WEB_CONCURRENCY", "")
    if workers.isdecimal() and int(workers) > 1:
        return f"WEB_CONCURRENCY asks for {workers}"
    return "" if settings.DEBUG else "DEBUG is off, and production servers run several"
