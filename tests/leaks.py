"""No secret in any output: at the end of a run, everything that was written is searched.

Searched are the logs of every site that a test started, what was logged in the test process itself
(before our handlers cut anything), and the pages that must not tell: those of the admin and
those of server errors, as httpx and Django's test client got them. Searched for are tickets and API
keys by their looks, the passwords of the people in tests, and every session id that was issued:
in this process, in a ticket that went through httpx, or still in a site's database.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

PASSWORDS = ("correct horse battery", "gradio-demo", "brand new secret")

_JWT = re.compile(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}")
_KEY = re.compile(r"gsk_[0-9a-f]{8}_[\w-]{43}")
_ID = re.compile(r"(?<![a-z0-9])[a-z0-9]{32}(?![a-z0-9])")
_SITE_LOG = re.compile(r"(runserver|daphne|uvicorn)-\d+-\d+\.log")
_NAMED_ID = re.compile(r'"session_id": ?"([a-z0-9]{32})"')


def leaks(text: str, session_ids: set[str]) -> Iterator[str]:
    """Each secret that stands in `text`, with the line it is in."""
    found = {match[0] for pattern in (_JWT, _KEY) for match in pattern.finditer(text)}
    found |= session_ids & set(_ID.findall(text))
    found |= {password for password in PASSWORDS if password in text}
    for secret in sorted(found):
        line = next(line for line in text.splitlines() if secret in line)
        where = line.index(secret)
        yield f"{secret[:12]}… in: {line[max(0, where - 200) : where]}[HERE]"


def ids_in(text: str) -> set[str]:
    """The sessions that tickets in `text` name."""
    found = set(_NAMED_ID.findall(text))
    for token in _JWT.findall(text):
        payload = token.split(".")[1]
        try:
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except ValueError:
            continue
        if isinstance(claims, dict) and isinstance(claims.get("sid"), str):
            found.add(claims["sid"])
    return found


class _Written(logging.Handler):
    """Keeps every line logged in this process, in a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.paused = False
        self._file = path.open("w", encoding="utf-8", errors="backslashreplace")

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:  # a test logs something odd; pytest shows it as well
            text = repr(record.__dict__)
        self.write(f"{record.name}: {text}")

    def write(self, text: str) -> None:
        if not self._file.closed and not self.paused:
            self._file.write(f"{text}\n")

    def close(self) -> None:
        self._file.close()
        super().close()


class LeaksPlugin:
    def __init__(self, directory: Path) -> None:
        self.session_ids: set[str] = set()
        self.path = directory / "output-of-tests.txt"
        self.written = _Written(self.path)
        self.found: list[str] = []
        self._patch = pytest.MonkeyPatch()

    def start(self) -> None:
        from django.test import Client

        from sessionstate import engine

        logging.getLogger().addHandler(self.written)
        new_key, request = engine.new_key, Client.request
        send, asend = httpx.Client.send, httpx.AsyncClient.send

        def noting_key() -> str:
            key = new_key()
            self.session_ids.add(key)
            return key

        def noting_request(client: Client, **environ: Any) -> Any:
            response = request(client, **environ)
            if not response.streaming:
                self._keep(environ.get("PATH_INFO", ""), response.status_code, response.content)
            return response

        def noting_send(client: httpx.Client, *args: Any, **options: Any) -> httpx.Response:
            return self._note(send(client, *args, **options), options)

        async def noting_asend(
            client: httpx.AsyncClient, *args: Any, **options: Any
        ) -> httpx.Response:
            return self._note(await asend(client, *args, **options), options)

        self._patch.setattr(engine, "new_key", noting_key)
        self._patch.setattr(Client, "request", noting_request)
        self._patch.setattr(httpx.Client, "send", noting_send)
        self._patch.setattr(httpx.AsyncClient, "send", noting_asend)

    def stop(self) -> None:
        self._patch.undo()
        logging.getLogger().removeHandler(self.written)
        self.written.close()

    def _note(self, response: httpx.Response, options: dict[str, Any]) -> httpx.Response:
        self.session_ids |= ids_in(" ".join(response.headers.get_list("set-cookie")))
        if not options.get("stream"):
            if response.headers.get("content-type", "").startswith("application/json"):
                self.session_ids |= ids_in(response.text[:20_000])
            self._keep(response.request.url.path, response.status_code, response.content)
        return response

    def _keep(self, path: str, status: int, content: bytes) -> None:
        if path.startswith("/admin/") or status >= 500:
            self.written.write(f"GET {path} -> {status}\n{content.decode(errors='replace')}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.stop()
        # Where workers of xdist run the tests, each of them searches its own output.
        if not session.config.getoption("numprocesses", None):
            self._search(getattr(session.config, "_tmp_path_factory", None))
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["leaks"] = self.found
        elif self.found and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.found += getattr(node, "workeroutput", {}).get("leaks", ())

    def _search(self, tmp_path_factory: Any) -> None:
        outputs = [self.path]
        base = getattr(tmp_path_factory, "_basetemp", None)
        for path in base.rglob("*") if base else ():
            if _SITE_LOG.fullmatch(path.name):
                outputs.append(path)
            elif path.name == "db.sqlite3":
                self.session_ids |= _stored_ids(path)
        for path in outputs:
            text = path.read_text(encoding="utf-8", errors="replace")
            self.found += (f"{path.name}: {leak}" for leak in leaks(text, self.session_ids))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.found:
            terminalreporter.section("secrets in the output", red=True, bold=True)
            for leak in self.found[:50]:
                terminalreporter.line(leak, red=True)


def _stored_ids(database: Path) -> set[str]:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            rows = connection.execute(
                "SELECT ident FROM sessionstate_staterecord WHERE kind = 'session'"
            )
            return {row[0] for row in rows}
    except sqlite3.Error:  # of a test about broken databases, or without tables
        return set()
