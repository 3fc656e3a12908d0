"""Redis and PostgreSQL of a benchmark's own: on free loopback ports, gone when it ends."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import free_port, running


def program(name: str, *places: Path) -> str:
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ["PATH"]]))
    if found is None:
        raise SystemExit(f"This benchmark needs {name}.")
    return found


@contextmanager
def redis() -> Iterator[int]:
    """The port of an empty Redis that writes nothing to disk."""
    port = free_port()
    command = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
    with tempfile.TemporaryDirectory() as directory, running(command, port, Path(directory)):
        yield port


@contextmanager
def postgres(**settings: str) -> Iterator[int]:
    """The port of a new PostgreSQL; user and database `postgres`, no password."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    server = program("postgres", *places)
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    directory = Path(tempfile.mkdtemp(prefix="gradiosession-benchmark-"))
    try:
        if user:
            entry = pwd.getpwnam(user)
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        subprocess.run(
            [Path(server).with_name("initdb"), "-D", directory / "data", "-U", "postgres"]
            + ["-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=directory,
            user=user,
        )
        port = free_port()
        options = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(directory),
            **settings,
        }
        flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with running([server, "-D", str(directory / "data"), *flags], port, directory, user):
            yield port
    finally:
        shutil.rmtree(directory, ignore_errors=True)
