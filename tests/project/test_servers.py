"""The components that other tests rely on are real and answer."""

import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import processes
from tests.servers import Postgres, Site, SiteFactory


def _ask(address: str, question: bytes) -> bytes:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as sock:
        sock.sendall(question)
        return sock.recv(100)


def test_redis(redis_server: str) -> None:
    address = redis_server.removeprefix("redis://").removesuffix("/0")
    assert _ask(address, b"PING\r\n") == b"+PONG\r\n"


def test_memcached(memcached_server: str) -> None:
    assert _ask(memcached_server, b"version\r\n").startswith(b"VERSION")


def test_postgres(postgres_server: Postgres) -> None:
    import psycopg

    with psycopg.connect(postgres_server.new_database("probe")) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("probe",)


class Sleeping(SiteFactory):
    """What it starts does nothing."""

    def __call__(self, *args: Any, directory: Path | None = None, **more: Any) -> Site:
        assert directory
        log, process = directory / "log", subprocess.Popen(["sleep", "60"])
        log.touch()
        self._sites.append(Site("", 0, "daphne", process, log, {}))
        return self._sites[-1]

    @property
    def processes(self) -> list[subprocess.Popen[bytes]]:
        return [site.process for site in self._sites]


def test_no_process_is_left_when_nginx_does_not_start(
    tmp_path: Path, demo_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.nginx._FRAME", "this is no configuration")
    factory = Sleeping(tmp_path, demo_database)
    with pytest.raises(AssertionError, match="nginx"), processes(factory, ("daphne",) * 2, ""):
        pass
    assert [process.poll() is None for process in factory.processes] == [False, False]
