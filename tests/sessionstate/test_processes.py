"""Several processes at one session: nothing lost, nothing torn, on every shared storage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.servers import BASE_DIR, Postgres
from tests.sessionstate.worker import whole

PROCESSES, TASKS, TIMES = 4, 16, 200
# In caches that are reached in the same way as the one on Redis, and take longer.
TIMES_IN_OTHER_CACHES = 50
KILLS, KILLS_IN_ONE_SESSION = 200, 50
AT_ONCE = 5
TIME_LIMIT = 180

Settings = dict[str, Any]


@dataclass
class Storage:
    """Where the worker processes keep their sessions."""

    settings: Settings
    times: int

    def start(self, command: str, **arguments: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.sessionstate.worker", command, json.dumps(arguments)],
            cwd=BASE_DIR,
            env=os.environ
            | {
                "DJANGO_SETTINGS_MODULE": "tests.sessionstate.worker_settings",
                "WORKER_SETTINGS": json.dumps(self.settings),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, command: str, **arguments: Any) -> Any:
        return results([self.start(command, **arguments)])[0]


def results(workers: list[subprocess.Popen[str]]) -> list[Any]:
    """What each printed. Ends them all when one fails or takes too long."""
    deadline, found = time.monotonic() + TIME_LIMIT, []
    try:
        for worker in workers:
            out, err = worker.communicate(timeout=deadline - time.monotonic())
            assert worker.returncode == 0, err
            found.append(json.loads(out))
    finally:
        for worker in workers[len(found) :]:
            worker.kill()
            with worker:  # closes its pipes
                pass
    return found


def sqlite(directory: Path, request: pytest.FixtureRequest) -> Settings:
    # With the options that the project has found to be right.
    database = settings.DATABASES["default"]
    options = {"ENGINE": database["ENGINE"], "OPTIONS": database["OPTIONS"]}
    return {"DATABASES": {"default": options | {"NAME": str(directory / "db.sqlite3")}}}


def postgres(directory: Path, request: pytest.FixtureRequest) -> Settings:
    server: Postgres = request.getfixturevalue("postgres_server")
    name = f"processes_{directory.name.replace('-', '_')}"
    server.new_database(name)
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": name, "USER": "postgres"}
    return {"DATABASES": {"default": database | {"HOST": "127.0.0.1", "PORT": server.port}}}


def redis(directory: Path, request: pytest.FixtureRequest) -> Settings:
    return cache_on_redis(directory, request) | {"SESSIONSTATE_BACKEND": "redis"}


def cache_on_redis(directory: Path, request: pytest.FixtureRequest) -> Settings:
    url = request.getfixturevalue("redis_server").removesuffix("/0") + "/8"
    return cache(directory, request, "django_redis.cache.RedisCache", url)


def cache_on_memcached(directory: Path, request: pytest.FixtureRequest) -> Settings:
    server = request.getfixturevalue("memcached_server")
    path = "django.core.cache.backends.memcached.PyMemcacheCache"
    return cache(directory, request, path, server)


def cache_on_files(directory: Path, request: pytest.FixtureRequest) -> Settings:
    path = "django.core.cache.backends.filebased.FileBasedCache"
    return cache(directory, request, path, str(directory / "cache"))


def cache(directory: Path, request: pytest.FixtureRequest, backend: str, location: str) -> Settings:
    alias: Settings = {"BACKEND": backend, "LOCATION": location}
    if "FileBased" in backend:
        alias["OPTIONS"] = {"MAX_ENTRIES": 100_000}  # above it throws entries away
    # The database is for revocations that wait for the cache.
    return sqlite(directory, request) | {
        "SESSIONSTATE_BACKEND": "cache",
        "CACHES": {"default": alias},
    }


STORAGES: list[Callable[[Path, pytest.FixtureRequest], Settings]] = [
    sqlite,
    postgres,
    redis,
    cache_on_redis,
    cache_on_memcached,
    cache_on_files,
]


@pytest.fixture(params=STORAGES, ids=lambda storage: storage.__name__)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    is_other_cache = request.param in (cache_on_memcached, cache_on_files)
    times = TIMES_IN_OTHER_CACHES if is_other_cache else TIMES
    storage = Storage(request.param(tmp_path, request), times)
    storage.call("migrate")
    return storage


def test_different_keys_of_one_session_are_all_there(storage: Storage) -> None:
    (session_id,) = storage.call("create")
    results(
        [
            storage.start(
                "increment_own_keys",
                session_id=session_id,
                process=str(number),
                tasks=TASKS,
                times=storage.times,
            )
            for number in range(PROCESSES)
        ]
    )
    assert storage.call("dump", session_id=session_id) == {
        f"{process}-{task}": storage.times for process in range(PROCESSES) for task in range(TASKS)
    }


def test_one_key_under_atomic_has_the_exact_sum(storage: Storage) -> None:
    (session_id,) = storage.call("create")
    results(
        [
            storage.start(
                "increment_one_key", session_id=session_id, tasks=TASKS, times=storage.times
            )
            for _ in range(PROCESSES)
        ]
    )
    assert storage.call("dump", session_id=session_id) == {"sum": PROCESSES * TASKS * storage.times}


def test_a_killed_writer_leaves_the_old_or_the_new_state(storage: Storage) -> None:
    own = storage.call("create", count=AT_ONCE, **whole(0))
    storage.call("kill_writers", rounds=[own] * (KILLS // AT_ONCE))
    shared = [own[0]] * AT_ONCE
    storage.call("kill_writers", rounds=[shared] * (KILLS_IN_ONE_SESSION // AT_ONCE))
    assert storage.call("dump", session_id=own[0])["a"] > KILLS // AT_ONCE
