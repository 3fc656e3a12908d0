"""That the chosen backend exists, and that what it stands on keeps sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.utils.module_loading import import_string

from sessionstate import backends
from sessionstate.backends import SHORT_NAMES, get_backend
from sessionstate.backends.base import Backend
from sessionstate.checks.surroundings import STORES_HINT, is_django_redis, several_processes
from sessionstate.conf import conf

DJANGO_REDIS = "django_redis.cache.RedisCache"


def check_backend(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    # Only the class: a backend whose cache or pool is set wrong fails when it is made, and the
    # checks of those say so better.
    name = conf.backend
    path = f"{backends.__name__}.{name}.Backend" if name in SHORT_NAMES else name
    try:
        backend = import_string(path)
    except ImportError as error:
        return [
            Error(
                f"SESSIONSTATE_BACKEND = {name!r} cannot be used: {error}.",
                hint=f"Set it to one of {', '.join(SHORT_NAMES)}, or to a dotted path.",
                id="sessionstate.E001",
            )
        ]
    methods = [one for one in vars(Backend) if not one.startswith("_")]
    missing = [one for one in methods if not callable(getattr(backend, one, None))]
    if not missing:
        return []
    return [
        Error(
            f"SESSIONSTATE_BACKEND = {name!r} is no backend: it has no {', '.join(missing)}.",
            hint="Name a class that keeps the contract sessionstate.backends.base.Backend.",
            id="sessionstate.E002",
        )
    ]


def check_memory(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if conf.backend != "memory" or not (why := several_processes()):
        return []
    return [
        Warning(
            "SESSIONSTATE_BACKEND is 'memory', which keeps sessions inside one process, but "
            f"{why}. Each process would know only the sessions made in it, and none after a "
            "restart.",
            hint=f"{STORES_HINT}.",
            id="sessionstate.W001",
        )
    ]


def check_redis(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if conf.backend != "redis":
        return []
    alias = conf.redis_alias
    if alias not in settings.CACHES:
        return [
            Error(
                f"SESSIONSTATE_REDIS_ALIAS is {alias!r}, which is not in CACHES.",
                hint=f"Name one of {', '.join(sorted(settings.CACHES))}, or add it to CACHES.",
                id="sessionstate.E005",
            )
        ]
    if is_django_redis(alias):
        try:
            get_backend()
            return []
        except ImproperlyConfigured as error:
            problem = str(error)
    else:
        problem = (
            f"CACHES[{alias!r}] is {settings.CACHES[alias].get('BACKEND')!r}, but the redis "
            "backend works through a connection pool of django-redis."
        )
    return [
        Error(
            problem,
            hint=f"Set its BACKEND to {DJANGO_REDIS!r} and LOCATION to the URL of your Redis, or "
            "name another alias with SESSIONSTATE_REDIS_ALIAS.",
            id="sessionstate.E006",
        )
    ]


def check_database(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    from sessionstate.models import StateValue

    alias = router.db_for_write(StateValue)
    if conf.backend != "db" or connections[alias].vendor != "mysql":
        return []
    return [
        Warning(
            f"DATABASES[{alias!r}] is MySQL or MariaDB, whose usual collations take 'Name' and "
            "'name' for one key of a session: the second to be saved replaces the first.",
            hint="Give sessionstate_statevalue.`key` and sessionstate_staterecord.ident a binary "
            "collation such as utf8mb4_bin, then add 'sessionstate.W010' to "
            "SILENCED_SYSTEM_CHECKS.",
            id="sessionstate.W010",
        )
    ]


def check_eviction(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Asks Redis, and says nothing when it does not answer: that is for `/health/ready` to tell."""
    alias = {"redis": conf.redis_alias, "cache": conf.cache_alias}.get(conf.backend)
    if alias is None or alias not in settings.CACHES:
        return []
    try:
        memory = _redis_memory(alias)
    except Exception:  # of redis-py, or of options that check_cache complains about
        return []
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return []
    return [
        Warning(
            f"The Redis of CACHES[{alias!r}] has the maxmemory-policy {policy}: when its memory is "
            "full it throws sessions away, so people are signed out and lose their data.",
            hint="Set maxmemory-policy to noeviction, in a Redis that is not a cache for other "
            "things. A full Redis then refuses to save, and says so.",
            id="sessionstate.W011",
        )
    ]


def _redis_memory(alias: str) -> dict[str, Any]:
    if is_django_redis(alias):
        from django_redis import get_redis_connection

        client = get_redis_connection(alias)
    elif isinstance(cache := caches[alias], RedisCache):
        client = cache._cache.get_client()
    else:
        return {}
    memory: dict[str, Any] = client.info("memory")
    return memory


CHECKS = (check_backend, check_memory, check_redis, check_database)
DEPLOY_CHECKS = (check_eviction,)
