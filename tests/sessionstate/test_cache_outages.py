"""Caches that are down, full, frozen, or that swallow what they cannot do."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache

from sessionstate.backends.base import Kind, size_of
from sessionstate.backends.cache import Backend
from sessionstate.errors import RevocationPending, SessionGone, StoreFull, StoreUnavailable
from tests.servers import BLOCKED, GRACE, component, free_port, frozen, running
from tests.sessionstate.caches import Config, cache_backend, config
from tests.sessionstate.test_backends import A, B, loaded, stamp

LIMIT = 20_000_000
BIG = b"x" * 10_000
OLD = {"a": b"old", "b": BIG}
NEW = {"a": b"new", "b": BIG[:-1] + b"y", "c": b"2" * 3000}


# Caches that do not keep what they are given ----------------------------------------------------


class Forgetful(BaseCache):
    """Swallows what it cannot do while `down`, as clients with an option for that do."""

    down = False

    def __init__(self, name: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._kept = LocMemCache(name, params)

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return not self.down and self._kept.add(*args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> None:
        if not self.down:
            self._kept.set(*args, **kwargs)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return default if self.down else self._kept.get(key, default, version)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return not self.down and self._kept.delete(*args, **kwargs)

    def clear(self) -> None:
        self._kept.clear()


OPERATIONS: dict[str, Callable[[Backend], object]] = {
    "load": lambda backend: backend.load(A),
    "create": lambda backend: backend.create(B, {"b": BIG}, stamp(), limit=LIMIT),
    "save": lambda backend: backend.save(A, {"a": b"2"}, stamp(), limit=LIMIT),
    "touch": lambda backend: backend.touch(A, stamp()),
    "delete": lambda backend: backend.delete(A),
    "lock": lambda backend: backend.lock(A, "one", 10),
    "unlock": lambda backend: backend.unlock(A, "one"),
    "infos": lambda backend: backend.infos(Kind.SESSION),
    "purge": lambda backend: backend.purge(),
    "ping": lambda backend: backend.ping(),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_cache_that_swallows_what_fails_counts_as_down(
    operation: str, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{Forgetful.__module__}.Forgetful"
    with cache_backend({"BACKEND": path, "LOCATION": operation}) as backend:
        backend.create(A, {"a": b"1", "big": BIG}, stamp(), limit=LIMIT)
        with monkeypatch.context() as patch:
            patch.setattr(Forgetful, "down", True)
            with pytest.raises(StoreUnavailable):
                OPERATIONS[operation](backend)
        if operation != "delete":
            assert dict(loaded(backend).values) == {"a": b"1", "big": BIG}
        else:  # left pending by the failed delete, and applied now
            assert backend.load(A) is None


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_cache_at_all_counts_as_down(operation: str, transactional_db: None) -> None:
    with cache_backend(config("dummy.DummyCache", "")) as backend, pytest.raises(StoreUnavailable):
        OPERATIONS[operation](backend)


@pytest.mark.parametrize("step", range(1, 30))
def test_a_cache_that_goes_down_in_the_middle_of_a_save_loses_nothing(
    step: int, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`step` operations of the cache still work; all later ones are swallowed."""
    path = f"{Forgetful.__module__}.Forgetful"
    with cache_backend({"BACKEND": path, "LOCATION": "steps"}) as backend:
        backend.create(A, OLD, stamp(), limit=LIMIT)
        cache: Any = backend._store._cache
        left = step
        for name in ("add", "set", "get", "delete"):
            operation = getattr(cache, name)

            def counted(*args: Any, operation: Callable[..., Any] = operation, **kw: Any) -> Any:
                nonlocal left
                left -= 1
                cache.down = left < 0
                return operation(*args, **kw)

            monkeypatch.setattr(cache, name, counted)
        try:
            backend.save(A, NEW, stamp(), limit=LIMIT)
            saved = True
        except StoreUnavailable:
            saved = False
        monkeypatch.undo()
        cache.down = False
        assert dict(loaded(backend).values) in ((NEW,) if saved else (OLD, NEW))


# Servers ------------------------------------------------------------------------------------------


class Server:
    """One that a test may stop, freeze and start again on the same port."""

    def __init__(self, command: list[str], port: int, directory: Path) -> None:
        self.address = f"127.0.0.1:{port}"
        self._command, self._port, self._directory = command, port, directory
        self._running = ExitStack()
        self.start()

    def start(self) -> None:
        self.process = self._running.enter_context(
            running(self._command, self._port, self._directory)
        )

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self._running.close()

    def frozen(self) -> AbstractContextManager[None]:
        return frozen(self.process)


def memcached(directory: Path, *options: str) -> Server:
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [component("memcached"), "-l", "127.0.0.1", "-p", str(port), *user, *options]
    return Server(command, port, directory)


def redis_server(directory: Path, *options: str) -> Server:
    port = free_port()
    command = [component("redis-server"), "--bind", "127.0.0.1", "--port", str(port)]
    return Server([*command, "--save", "", *options], port, directory)


# Those that ignore errors, or try again, say so to their client.
CLIENTS: dict[str, tuple[Callable[..., Server], Callable[[str], Config]]] = {
    "pymemcache": (memcached, lambda at: config("memcached.PyMemcacheCache", at)),
    "pymemcache-ignoring": (
        memcached,
        lambda at: config("memcached.PyMemcacheCache", at, OPTIONS={"ignore_exc": True}),
    ),
    "pylibmc": (memcached, lambda at: config("memcached.PyLibMCCache", at)),
    "redis": (redis_server, lambda at: config("redis.RedisCache", f"redis://{at}/0")),
    "django-redis": (redis_server, lambda at: django_redis(at)),
    "django-redis-ignoring": (
        redis_server,
        lambda at: django_redis(
            at,
            IGNORE_EXCEPTIONS=True,
            CONNECTION_POOL_KWARGS={"retry_on_timeout": True, "decode_responses": True},
        ),
    ),
}


def django_redis(at: str, **options: Any) -> Config:
    path = "django_redis.cache.RedisCache"
    return {"BACKEND": path, "LOCATION": f"redis://{at}/0", "OPTIONS": options}


@dataclass
class Service:
    server: Server
    backend: Backend


@pytest.fixture(params=CLIENTS)
def service(
    request: pytest.FixtureRequest, tmp_path: Path, transactional_db: None
) -> Iterator[Service]:
    start, configured = CLIENTS[request.param]
    if request.param == "pylibmc":
        pytest.importorskip("pylibmc", reason="missing component: pylibmc")
    server = start(tmp_path)
    try:
        with cache_backend(configured(server.address)) as backend:
            yield Service(server, backend)
    finally:
        server.stop()


def refused(operation: Callable[[], object]) -> float:
    """Seconds until it was refused."""
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        operation()
    return time.monotonic() - started


def test_a_stopped_server_is_an_error_and_a_started_one_serves_again(service: Service) -> None:
    backend, server = service.backend, service.server
    backend.create(A, OLD, stamp(), limit=LIMIT)
    server.stop()
    for name, operation in OPERATIONS.items():
        assert refused(partial(operation, backend)) < 1 + GRACE, name
    assert refused(partial(backend._store.read_many, ["name"])) < 1 + GRACE
    server.start()
    if backend.load(A) is None:  # memory only: it has forgotten all
        backend.create(A, OLD, stamp(), limit=LIMIT)
    backend.save(A, NEW, stamp(), limit=LIMIT)
    assert dict(loaded(backend).values) == NEW


@pytest.mark.parametrize("client", ["pymemcache", "pylibmc"])
def test_connections_that_the_server_has_ended_are_replaced(
    tmp_path: Path, transactional_db: None, client: str
) -> None:
    server = memcached(tmp_path, "-o", "idle_timeout=1")
    try:
        with cache_backend(CLIENTS[client][1](server.address)) as backend:
            backend.create(A, OLD, stamp(), limit=LIMIT)
            time.sleep(4)
            assert dict(loaded(backend).values) == OLD
            time.sleep(4)
            backend.save(A, NEW, stamp(), limit=LIMIT)
            assert dict(loaded(backend).values) == NEW
    finally:
        server.stop()


async def test_a_frozen_server_is_an_error_in_time_and_blocks_nobody(service: Service) -> None:
    backend, server = service.backend, service.server
    await backend.acreate(A, OLD, stamp(), limit=LIMIT)
    late = 0.0

    async def watch_the_loop() -> None:
        nonlocal late
        while True:
            asked = time.monotonic()
            await asyncio.sleep(0.01)
            late = max(late, time.monotonic() - asked)

    watching = asyncio.create_task(watch_the_loop())
    with server.frozen():
        started = time.monotonic()
        answers = await asyncio.gather(
            backend.aload(A),
            backend.asave(A, {"a": b"2"}, stamp(), limit=LIMIT),
            backend.atouch(A, stamp()),
            backend.acreate(B, OLD, stamp(), limit=LIMIT),
            return_exceptions=True,
        )
        assert time.monotonic() - started < 2 + GRACE
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 4
    watching.cancel()
    assert late < BLOCKED
    snapshot = await backend.aload(A)
    assert snapshot is not None
    # A save that got no answer may have been done when the server went on.
    assert dict(snapshot.values) in (OLD, OLD | {"a": b"2"})
    await backend.asave(A, NEW, stamp(), limit=LIMIT)
    assert dict((await backend.aload(A) or snapshot).values) == NEW


def test_a_session_revoked_while_the_server_was_silent_stays_dead(service: Service) -> None:
    backend, other = service.backend, Backend()
    backend.create(A, OLD, stamp(owner="7"), limit=LIMIT)
    assert other.load(A) is not None
    with service.server.frozen(), pytest.raises(RevocationPending):
        backend.delete(A)
    assert other.load(A) is None
    assert backend.load(A) is None
    with pytest.raises(SessionGone):
        other.save(A, NEW, stamp(), limit=LIMIT)


def test_a_full_redis_refuses_and_keeps_what_it_has(tmp_path: Path, transactional_db: None) -> None:
    server = redis_server(tmp_path)
    try:
        with cache_backend(django_redis(server.address)) as backend:
            backend.create(A, OLD, stamp(owner="7"), limit=LIMIT)
            client = backend._store._client
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1mb")
            with pytest.raises(StoreFull):
                backend.save(A, NEW, stamp(), limit=LIMIT)
            with pytest.raises(StoreFull):
                backend.create(B, NEW, stamp(), limit=LIMIT)
            assert dict(loaded(backend).values) == OLD
            assert backend.delete(A) is not None
            assert backend.load(A) is None
            client.config_set("maxmemory", "0")
    finally:
        server.stop()


def test_a_full_memcached_refuses_and_keeps_what_it_has(
    tmp_path: Path, transactional_db: None
) -> None:
    server = memcached(tmp_path, "-M", "-m", "4")
    try:
        with cache_backend(config("memcached.PyMemcacheCache", server.address)) as backend:
            backend.create(A, OLD, stamp(owner="7"), limit=LIMIT)
            with pytest.raises(StoreFull):
                for number in range(40):
                    backend.save(A, {f"k{number}": random.randbytes(400_000)}, stamp(), limit=LIMIT)
            snapshot = loaded(backend)
            assert snapshot.values["b"] == BIG
            assert size_of(snapshot.values) == snapshot.info.size
    finally:
        server.stop()


def test_after_a_fork_each_process_has_its_own_connections(
    request: pytest.FixtureRequest, transactional_db: None
) -> None:
    at = request.getfixturevalue("memcached_server")
    with cache_backend(config("memcached.PyMemcacheCache", at)) as backend:
        backend.create(A, {}, stamp(), limit=LIMIT)
        children = []
        for child in range(3):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    for number in range(50):
                        backend.save(A, {f"k{child}": b"%d" % number}, stamp(), limit=LIMIT)
                    code = 0
                finally:
                    os._exit(code)
            children.append(pid)
        for number in range(50):
            backend.save(A, {"parent": b"%d" % number}, stamp(), limit=LIMIT)
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
        assert dict(loaded(backend).values) == dict.fromkeys(["k0", "k1", "k2", "parent"], b"49")
