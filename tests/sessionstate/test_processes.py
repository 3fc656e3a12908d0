"""Several processes at one session: nothing lost, nothing torn, on every shared storage."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers import BASE_DIR, Postgres, manage, project_env

PROCESSES, TASKS, TIMES = 4, 16, 200
KILLS = 200


@dataclass
class Storage:
    """Where the worker processes keep their sessions."""

    env: dict[str, str]

    def start(self, command: str, **arguments: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.sessionstate.worker", command, json.dumps(arguments)],
            cwd=BASE_DIR,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, command: str, **arguments: Any) -> Any:
        return result(self.start(command, **arguments))


def result(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out)


def sqlite(directory: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    return {}


def postgres(directory: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    server: Postgres = request.getfixturevalue("postgres_server")
    return {"DATABASE_URL": server.new_database(f"processes_{directory.name.replace('-', '_')}")}


def redis(directory: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    url: str = request.getfixturevalue("redis_server")
    return {"REDIS_URL": url, "SESSIONSTATE_BACKEND": "redis"}


def cache_on_redis(directory: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    return redis(directory, request) | {"SESSIONSTATE_BACKEND": "cache"}


def cache_on_memcached(directory: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    return cache(
        "django.core.cache.backends.memcached.PyMemcacheCache",
        request.getfixturevalue("memcached_server"),
    )


def cache_on_files(directory: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    return cache("django.core.cache.backends.filebased.FileBasedCache", str(directory / "cache"))


def cache(backend: str, location: str) -> dict[str, str]:
    options = {"BACKEND": backend, "LOCATION": location}
    return {
        "SESSIONSTATE_BACKEND": "cache",
        "WORKER_SETTINGS": json.dumps({"CACHES": {"default": options}}),
    }


STORAGES: list[Callable[[Path, pytest.FixtureRequest], dict[str, str]]] = [sqlite, postgres]


@pytest.fixture(params=STORAGES, ids=lambda storage: storage.__name__)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    env = project_env(tmp_path, **request.param(tmp_path, request))
    env |= {"DJANGO_SETTINGS_MODULE": "tests.sessionstate.worker_settings"}
    migrated = manage("migrate", "-v", "0", env=env)
    assert migrated.returncode == 0, migrated.stderr
    return Storage(env)


def test_different_keys_of_one_session_are_all_there(storage: Storage) -> None:
    session_id = storage.call("create")
    workers = [
        storage.start(
            "increment_own_keys", session_id=session_id, process=str(n), tasks=TASKS, times=TIMES
        )
        for n in range(PROCESSES)
    ]
    for worker in workers:
        result(worker)
    assert storage.call("dump", session_id=session_id) == {
        f"{process}-{task}": TIMES for process in range(PROCESSES) for task in range(TASKS)
    }


def test_one_key_under_atomic_has_the_exact_sum(storage: Storage) -> None:
    session_id = storage.call("create")
    workers = [
        storage.start("increment_one_key", session_id=session_id, tasks=TASKS, times=TIMES)
        for _ in range(PROCESSES)
    ]
    for worker in workers:
        result(worker)
    assert storage.call("dump", session_id=session_id) == {"sum": PROCESSES * TASKS * TIMES}


def test_a_killed_writer_leaves_the_old_or_the_new_state(storage: Storage) -> None:
    session_id = storage.call("create", a=0, b=[0] * 50, c={"n": 0})
    rounds, kills = 0, 0
    while kills < KILLS:
        rounds += 1
        # Several at once, as a starting interpreter costs more than what is measured.
        writers = [storage.start("rewrite", session_id=session_id) for _ in range(5)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "started\n", writer.communicate()[1]
        for writer in writers:
            time.sleep(random.uniform(0, 0.02))
            os.kill(writer.pid, signal.SIGKILL)
            writer.communicate()
            assert writer.returncode == -signal.SIGKILL
            kills += 1
        state = storage.call("dump", session_id=session_id)
        assert state["b"] == [state["a"]] * 50
        assert state["c"] == {"n": state["a"]}
        assert state.get("odd") == ("x" * 5000 if state["a"] % 2 else None)
    assert state["a"] > 0
