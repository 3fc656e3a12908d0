"""Every check: what it finds, that it says how to cure it, and that it is silent otherwise."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from django.core.checks import run_checks
from django.db import connections
from django.test import override_settings

from sessionstate.checks import TAG
from sessionstate.tickets import SessionIdCookie
from tests.servers import free_port

OURS = "sessionstate.middleware.SessionMiddleware"
DJANGOS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
DJANGO_REDIS = "django_redis.cache.RedisCache"
MSGPACK = "django_redis.serializers.msgpack.MSGPackSerializer"


def ids(*, deploy: bool = False, **settings: Any) -> list[str]:
    with override_settings(**settings):
        found = run_checks(tags=[TAG], include_deployment_checks=deploy)
    for message in found:
        assert message.hint, f"{message.id} does not say what to do"
    return sorted(str(message.id).removeprefix("sessionstate.") for message in found)


def cache(backend: str, location: str = "", debug: bool = False, **options: Any) -> dict[str, Any]:
    """Settings with that cache under sessions."""
    entry = {"BACKEND": backend, "LOCATION": location, "OPTIONS": options}
    return {"SESSIONSTATE_BACKEND": "cache", "CACHES": {"default": entry}, "DEBUG": debug}


class NotABackend:
    def load(self) -> None: ...


class NotATicketScheme:
    def read(self) -> None: ...


def test_the_project_as_it_is_has_nothing_to_say() -> None:
    assert ids() == []


# Backends.


@pytest.mark.parametrize("name", ["postgres", "no.such.module.Backend", "sessionstate.conf.Nope"])
def test_a_backend_that_cannot_be_imported(name: str) -> None:
    assert ids(SESSIONSTATE_BACKEND=name) == ["E001"]


def test_a_class_that_is_no_backend() -> None:
    assert ids(SESSIONSTATE_BACKEND=f"{__name__}.NotABackend") == ["E002"]


def test_the_dotted_path_of_a_backend_is_fine() -> None:
    assert ids(SESSIONSTATE_BACKEND="sessionstate.backends.db.Backend") == []


def test_memory_in_production() -> None:
    assert ids(SESSIONSTATE_BACKEND="memory", DEBUG=False) == ["W001"]
    assert ids(SESSIONSTATE_BACKEND="memory", DEBUG=True) == []


def test_memory_with_several_processes_in_development(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert ids(SESSIONSTATE_BACKEND="memory", DEBUG=True) == ["W001"]


# Caches.


def test_a_cache_alias_that_is_not_there() -> None:
    assert ids(SESSIONSTATE_BACKEND="cache", SESSIONSTATE_CACHE_ALIAS="sessions") == ["E003"]


def test_a_cache_that_cannot_be_made() -> None:
    assert ids(**cache("no.such.Cache")) == ["E003"]


def test_a_cache_that_stores_nothing() -> None:
    assert ids(**cache("django.core.cache.backends.dummy.DummyCache")) == ["E004"]


def test_a_cache_inside_one_process() -> None:
    many = {"MAX_ENTRIES": 100_000}
    assert ids(**cache(LOCMEM, **many)) == ["W002"]
    assert ids(**cache(LOCMEM, debug=True, **many)) == []


def test_a_cache_that_throws_entries_away() -> None:
    assert ids(**cache(LOCMEM, debug=True)) == ["W003"]


def test_a_cache_in_files(tmp_path: Any) -> None:
    files = "django.core.cache.backends.filebased.FileBasedCache"
    many = {"MAX_ENTRIES": 100_000}
    assert ids(**cache(files, str(tmp_path), **many)) == ["W004", "W005"]
    assert ids(**cache(files, str(tmp_path), debug=True, **many)) == ["W004"]


def test_memcached_evicts_and_pickles() -> None:
    memcached = "django.core.cache.backends.memcached.PyMemcacheCache"
    assert ids(**cache(memcached, "127.0.0.1:1")) == ["W003", "W004"]


def test_a_redis_cache_that_pickles() -> None:
    url = "redis://127.0.0.1:1"
    assert ids(**cache(DJANGO_REDIS, url)) == ["W004"]
    assert ids(**cache(DJANGO_REDIS, url, SERIALIZER=MSGPACK)) == []
    assert ids(**cache("django.core.cache.backends.redis.RedisCache", url)) == ["W004"]


# Redis.


def test_a_redis_alias_that_is_not_there() -> None:
    found = ids(SESSIONSTATE_BACKEND="redis", SESSIONSTATE_REDIS_ALIAS="sessions")
    assert "E005" in found


def test_a_redis_alias_without_django_redis() -> None:
    caches = {"default": {"BACKEND": LOCMEM}}
    assert "E006" in ids(SESSIONSTATE_BACKEND="redis", CACHES=caches)


def test_a_redis_alias_that_names_no_server() -> None:
    caches = {"default": {"BACKEND": DJANGO_REDIS, "LOCATION": ""}}
    assert ids(SESSIONSTATE_BACKEND="redis", CACHES=caches) == ["E006"]


@pytest.mark.parametrize("backend", ["redis", "cache"])
def test_a_redis_that_evicts_is_found_on_deployment(backend: str, redis_server: str) -> None:
    options = {"SERIALIZER": MSGPACK}
    entry = {"BACKEND": DJANGO_REDIS, "LOCATION": redis_server, "OPTIONS": options}
    settings = {"SESSIONSTATE_BACKEND": backend, "CACHES": {"default": entry}}
    with redis.Redis.from_url(redis_server) as server:
        server.config_set("maxmemory-policy", "allkeys-lru")
        try:
            assert ids(deploy=True, **settings) == ["W011"]
            assert ids(**settings) == []
        finally:
            server.config_set("maxmemory-policy", "noeviction")
        assert ids(deploy=True, **settings) == []


def test_a_redis_that_is_down_is_no_finding() -> None:
    entry = {"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://127.0.0.1:{free_port()}"}
    settings = {"SESSIONSTATE_BACKEND": "redis", "CACHES": {"default": entry}}
    assert ids(deploy=True, **settings) == []


# Databases.


def test_mysql_takes_two_keys_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # The check looks at nothing else, and there is no MySQL here.
    monkeypatch.setattr(connections["default"], "vendor", "mysql")
    assert ids() == ["W010"]
    assert ids(SESSIONSTATE_BACKEND="memory", DEBUG=True) == []


# Engine, middleware, tickets.


@pytest.mark.parametrize("engine", ["django.contrib.sessions.backends.db", "no.such.engine"])
def test_another_engine(engine: str) -> None:
    assert ids(SESSION_ENGINE=engine) == ["E007"]


@pytest.mark.parametrize("middleware", [[], [DJANGOS], [AUTH, CSRF], ["no.such.Middleware"]])
def test_no_middleware_of_ours(middleware: list[str]) -> None:
    assert ids(MIDDLEWARE=middleware) == ["E008"]


@pytest.mark.parametrize("middleware", [[OURS, DJANGOS, AUTH], [DJANGOS, OURS, AUTH]])
def test_djangos_middleware_beside_ours(middleware: list[str]) -> None:
    assert ids(MIDDLEWARE=middleware) == ["E009"]


def test_middleware_before_ours_that_needs_the_session() -> None:
    assert ids(MIDDLEWARE=[CSRF, AUTH, OURS]) == ["E010"]
    assert ids(MIDDLEWARE=[CSRF, OURS, AUTH]) == []
    assert ids(MIDDLEWARE=[CSRF, OURS, AUTH], CSRF_USE_SESSIONS=True) == ["E010"]


@pytest.mark.parametrize("tickets", ["no.such.Tickets", f"{__name__}.NotATicketScheme"])
def test_tickets_that_cannot_be_used(tickets: str) -> None:
    assert ids(SESSIONSTATE_TICKETS=tickets) == ["E011"]
    assert ids(SESSIONSTATE_TICKETS=f"{SessionIdCookie.__module__}.SessionIdCookie") == []


def test_a_pickle_serializer() -> None:
    assert ids(SESSION_SERIALIZER="myapp.serializers.PickleSerializer") == ["W006"]


# Values.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SESSIONSTATE_BACKEND", None),
        ("SESSIONSTATE_MAX_BYTES", "5 MB"),
        ("SESSIONSTATE_MAX_BYTES", 0.5),
        ("SESSIONSTATE_ABSOLUTE_AGE", "3600"),
        ("SESSIONSTATE_LOCK_TIMEOUT", "10"),
        ("SESSIONSTATE_THREADS", True),
        ("SESSION_COOKIE_AGE", "12h"),
    ],
)
def test_a_value_of_the_wrong_type(name: str, value: object) -> None:
    assert "E012" in ids(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SESSIONSTATE_MAX_BYTES", 0),
        ("SESSIONSTATE_MAX_BYTES", -1),
        ("SESSIONSTATE_ABSOLUTE_AGE", 0),
        ("SESSIONSTATE_TAB_AGE", -3600),
        ("SESSIONSTATE_LOCK_AGE", 0.0),
        ("SESSIONSTATE_STORE_TIMEOUT", float("nan")),
        ("SESSIONSTATE_THREADS", -1),
        ("SESSION_COOKIE_AGE", 0),
    ],
)
def test_a_value_out_of_range(name: str, value: float) -> None:
    assert ids(**{name: value}) == ["E013"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SESSIONSTATE_LOCK_TIMEOUT", 5),
        ("SESSIONSTATE_STORE_TIMEOUT", 0.5),
        ("SESSIONSTATE_THREADS", 0),
    ],
)
def test_a_value_that_is_fine(name: str, value: float) -> None:
    assert ids(**{name: value}) == []


def test_an_idle_limit_beyond_the_absolute_one() -> None:
    assert ids(SESSION_COOKIE_AGE=7200, SESSIONSTATE_ABSOLUTE_AGE=3600) == ["W007"]


def test_a_lock_that_one_slow_answer_outlives() -> None:
    assert ids(SESSIONSTATE_LOCK_AGE=2, SESSIONSTATE_STORE_TIMEOUT=2.0) == ["W008"]


@override_settings(SESSIONSTATE_ABSOLUT_AGE=3600)
def test_a_setting_that_does_not_exist() -> None:
    (message,) = run_checks(tags=[TAG])
    assert message.id == "sessionstate.W009"
    assert "SESSIONSTATE_ABSOLUT_AGE" in message.msg
    assert message.hint == "Did you mean SESSIONSTATE_ABSOLUTE_AGE?"


# What the site says about its requests.


def verify(session: object, request: object) -> bool:
    return True


def test_verifiers_that_cannot_be_imported() -> None:
    assert ids(SESSIONSTATE_VERIFIERS=[f"{__name__}.verify"]) == []
    assert ids(SESSIONSTATE_VERIFIERS=(f"{__name__}.verify", "no.such.verifier")) == ["E014"]
    assert ids(SESSIONSTATE_VERIFIERS=[f"{__name__}.OURS"]) == ["E014"]


def test_a_skip_header_that_is_none() -> None:
    assert ids(SESSIONSTATE_SKIP_HEADER="X-Probe") == []
    assert ids(SESSIONSTATE_SKIP_HEADER="User-Agent: kube-probe/*") == []
    assert ids(SESSIONSTATE_SKIP_HEADER="User Agent") == ["E015"]
    assert ids(SESSIONSTATE_SKIP_HEADER=": kube-probe/*") == ["E015"]
