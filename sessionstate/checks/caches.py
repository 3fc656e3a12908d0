"""That the cache of the `cache` backend keeps what it is given, for all who ask, and safely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.db import BaseDatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.memcached import BaseMemcachedCache
from django.core.cache.backends.redis import RedisCache
from django.core.checks import CheckMessage, Error, Warning

from sessionstate.checks.surroundings import STORES_HINT, is_django_redis, several_processes
from sessionstate.conf import conf

# Django's own caches throw entries away above MAX_ENTRIES, 300 unless set. A session is an entry
# or more, and one that is thrown away is a person signed out with their data lost.
FEW_ENTRIES = 10_000
CULLING = (LocMemCache, FileBasedCache, BaseDatabaseCache)
PAST_IT = "Sessions are kept past it as plain bytes, but all else in this cache is not."
THROUGH_IT = "Sessions pass through it: our values are bytes, but an attacker's need not be."


def check_cache(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if conf.backend != "cache":
        return []
    alias = conf.cache_alias
    if alias not in settings.CACHES:
        return [
            Error(
                f"SESSIONSTATE_CACHE_ALIAS is {alias!r}, which is not in CACHES.",
                hint=f"Name one of {', '.join(sorted(settings.CACHES))}, or add it to CACHES.",
                id="sessionstate.E003",
            )
        ]
    try:
        cache = caches[alias]
    except Exception as error:  # a cache backend may raise anything over its options
        return [
            Error(
                f"CACHES[{alias!r}] cannot be used: {error}.",
                hint="Correct its BACKEND and OPTIONS, and install the client that it needs.",
                id="sessionstate.E003",
            )
        ]
    if isinstance(cache, DummyCache):
        return [
            Error(
                f"CACHES[{alias!r}] is a dummy cache. It stores nothing, so nobody can sign in.",
                hint=f"{STORES_HINT}, or another cache.",
                id="sessionstate.E004",
            )
        ]
    return [*_cache_of_one_machine(alias, cache), *_evicts(alias, cache), *_pickles(alias, cache)]


def _cache_of_one_machine(alias: str, cache: BaseCache) -> list[CheckMessage]:
    why = several_processes()
    if why and isinstance(cache, LocMemCache):
        return [
            Warning(
                f"CACHES[{alias!r}] is inside one process, but {why}. Each process would know only "
                "the sessions made in it, and none after a restart.",
                hint=f"{STORES_HINT}, or a cache that all processes share.",
                id="sessionstate.W002",
            )
        ]
    if not settings.DEBUG and isinstance(cache, FileBasedCache):
        return [
            Warning(
                f"CACHES[{alias!r}] keeps sessions in files: other machines do not see them, and "
                "every new entry makes Django list the whole directory.",
                hint=f"{STORES_HINT}.",
                id="sessionstate.W005",
            )
        ]
    return []


def _evicts(alias: str, cache: BaseCache) -> list[CheckMessage]:
    limit = getattr(cache, "_max_entries", FEW_ENTRIES)
    if isinstance(cache, BaseMemcachedCache):
        how = "memcached throws entries away when its memory is full"
        hint = f"{STORES_HINT}; or give memcached more memory than all sessions need."
    elif isinstance(cache, CULLING) and limit < FEW_ENTRIES:
        how = f"it throws entries away when there are more than {limit}"
        hint = f"{STORES_HINT}; or set OPTIONS['MAX_ENTRIES'] higher than there will be sessions."
    else:
        return []
    return [
        Warning(
            f"CACHES[{alias!r}] is not a safe place for sessions: {how}, so people are signed out "
            "and lose their data without notice.",
            hint=hint,
            id="sessionstate.W003",
        )
    ]


def _pickles(alias: str, cache: BaseCache) -> list[CheckMessage]:
    options = settings.CACHES[alias].get("OPTIONS", {})
    sessions = PAST_IT
    hint = f"{STORES_HINT}."
    if is_django_redis(alias):
        pickles = "pickle" in str(options.get("SERIALIZER", "pickle, unless set")).lower()
        hint = (
            "Set OPTIONS['SERIALIZER'] = 'django_redis.serializers.msgpack.MSGPackSerializer', on "
            "an alias of its own (SESSIONSTATE_CACHE_ALIAS) if other code caches objects."
        )
    elif isinstance(cache, RedisCache):
        pickles = "serializer" not in options
        hint = "Set OPTIONS['serializer'] to a class that does not pickle."
    else:
        sessions = THROUGH_IT
        pickles = isinstance(cache, BaseMemcachedCache | FileBasedCache | BaseDatabaseCache)
    if not pickles:
        return []
    return [
        Warning(
            f"CACHES[{alias!r}] reads its entries with pickle, which runs the code that an entry "
            "contains: whoever can write to that store can take over every process of this site. "
            + sessions,
            hint=hint,
            id="sessionstate.W004",
        )
    ]


CHECKS = (check_cache,)
