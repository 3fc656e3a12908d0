"""Server processes of the site under test."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from gradio_ui.testing.people import Person, Roles, log_in, visit
from sessionstate.conf import conf

if TYPE_CHECKING:
    import gradio_client
    from django.contrib.auth.models import Permission
    from django.db.backends.base.base import BaseDatabaseWrapper

START_LIMIT = 120.0
STOP_LIMIT = 15.0


@dataclass(frozen=True)
class Site:
    """One server process. Several share the database and the sessions."""

    url: str
    log_file: Path
    clients: "list[gradio_client.Client]" = field(default_factory=list, repr=False, compare=False)

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return self.log_file.read_text(errors="replace")

    def sign_in(self, username: str, **roles: Unpack[Roles]) -> Person:
        """A new login of this user, who is made when there is none and has exactly these groups
        and permissions (`"app_label.codename"`) from now on.

        Raises `Permission.DoesNotExist` for a permission that is not known.
        """
        return self._log_in(None, username, **roles)

    def visit(self) -> Person:
        """Somebody without an account, for apps with `public=True`."""
        return visit(self)

    def close_pages(self) -> None:
        """All that were opened. Otherwise they come back while another test is running."""
        while self.clients:
            # It waits a second for what is told at once.
            threading.Thread(target=self.clients.pop().close, daemon=True).start()

    def _log_in(
        self,
        session_id: str | None,
        username: str,
        *,
        groups: Iterable[str] = (),
        permissions: Iterable[str] = (),
        staff: bool = False,
        superuser: bool = False,
    ) -> Person:
        # Not before Django is set up, and a conftest.py imports this package.
        from django.contrib.auth.models import Group, User

        user, _ = User.objects.get_or_create(username=username)
        user.is_staff, user.is_superuser = staff or superuser, superuser
        user.save()
        user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
        user.user_permissions.set(map(_permission, permissions))
        return log_in(self, user, session_id)


def _permission(name: str) -> "Permission":
    from django.contrib.auth.models import Permission

    label, _, codename = name.partition(".")
    return Permission.objects.get(content_type__app_label=label, codename=codename)


@contextmanager
def running_site(env: Mapping[str, str] | None = None) -> Iterator[Site]:
    """Start a server process on the databases of this test run; it is stopped at the end.

    `env`: environment variables on top of this process's. Raises `ImproperlyConfigured` where
    another process could not see this one's data, RuntimeError when the server does not start.
    """
    names = {connection.alias: _shared_name(connection) for connection in connections.all()}
    if conf.backend == "memory":
        raise ImproperlyConfigured(
            "SESSIONSTATE_BACKEND = 'memory' is known to one process only. Use another for tests."
        )
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="gradio-site-") as directory:
        log_file = Path(directory) / "server.log"
        with log_file.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "gradio_ui.testing.server", str(port), json.dumps(names)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # What can be imported here can be imported there.
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
                | dict(env or {}),
                # The terminal's Ctrl-C is for the tests.
                start_new_session=True,
            )
        site = Site(f"http://127.0.0.1:{port}", log_file)
        try:
            _wait(process, port, site)
            yield site
        finally:
            _stop(process)


def _shared_name(connection: "BaseDatabaseWrapper") -> str:
    if connection.vendor == "sqlite" and connection.is_in_memory_db():  # type: ignore[attr-defined]
        raise ImproperlyConfigured(
            f"The test database {connection.alias!r} is in memory, where a server process cannot "
            "see it. Give it a file: DATABASES[...]['TEST'] = {'NAME': ...}."
        )
    return str(connection.settings_dict["NAME"])


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int, site: Site) -> None:
    deadline = time.monotonic() + START_LIMIT
    # daphne listens when the application is complete.
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"The site did not start:\n{site.log}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
