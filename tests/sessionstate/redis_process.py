"""A Redis of one test's own: it can be stopped, started again with its data, and frozen."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import redis
from django.conf import settings

from tests.servers import component, free_port, freeze, running, wait_for


def _has_loaded(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.BusyLoadingError:
        return False


class RedisProcess:
    def __init__(self, directory: Path, **options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._directory = directory
        directory.mkdir(exist_ok=True)
        given = {
            # The default is the port + 10,000, which may not exist.
            **({"cluster-port": str(free_port())} if "cluster_enabled" in options else {}),
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(directory),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
        }
        given |= {name.replace("_", "-"): value for name, value in options.items()}
        words = [word for name, value in given.items() for word in (f"--{name}", value)]
        self._command = [component("redis-server"), *words]
        self._running = ExitStack()
        self.start()

    def start(self) -> None:
        program = running(self._command, self.port, self._directory)
        self._process = self._running.enter_context(program)
        with self.client() as client:
            wait_for(lambda: _has_loaded(client))

    def stop(self) -> None:
        self.thaw()
        self._running.close()

    def freeze(self) -> None:
        freeze(self._process)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def client(self, **options: Any) -> redis.Redis:
        return redis.Redis.from_url(self.url, **options)

    @property
    def settings(self) -> dict[str, Any]:
        """For `override_settings`: the redis backend uses this server."""
        alias = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": self.url}
        return {
            "SESSIONSTATE_BACKEND": "redis",
            "SESSIONSTATE_REDIS_ALIAS": "own",
            "CACHES": settings.CACHES | {"own": alias},
        }

    def __enter__(self) -> RedisProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
