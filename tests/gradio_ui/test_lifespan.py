"""Stopping with pages open, on every server, and starting without lifespan events."""

import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import ServerName, Site, SiteFactory, wait_for

STOP_WITHIN = 3.0
ENV = {"EXTRA_APPS": "tests.gradio_ui.matrix"}


class Stream(threading.Thread):
    """Reads one open response until it ends."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.url, self.headers = url, headers
        self.lines: list[str] = []
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with httpx.stream("GET", self.url, headers=self.headers, timeout=60) as response:
                self.lines += (line for line in response.iter_lines() if line)
        except httpx.HTTPError as error:
            self.error = error

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line.removeprefix("data: ")) for line in self.lines]


@contextmanager
def open_pages(site: Site, headers: dict[str, str]) -> Iterator[tuple[list[Stream], Stream]]:
    """Three heartbeats, and one generator that never ends."""
    url = f"{site.url}/gradio/steps"
    config = httpx.get(f"{url}/config", headers=headers).json()
    fn = next(d["id"] for d in config["dependencies"] if d["api_name"] == "long_run")
    body = {"data": ["stopped"], "fn_index": fn, "session_hash": "page0"}
    httpx.post(f"{url}/gradio_api/queue/join", json=body, headers=headers).raise_for_status()
    event = Stream(f"{url}/gradio_api/queue/data?session_hash=page0", headers)
    pages = [
        Stream(f"{site.url}/gradio/{slug}/gradio_api/heartbeat/page{number}", headers)
        for number, slug in enumerate(("steps", "matrix", "steps"))
    ]
    for stream in (event, *pages):
        stream.start()
    wait_for(lambda: all(page.lines for page in pages) and len(event.lines) > 5)
    yield pages, event
    for stream in (event, *pages):
        stream.join(10)


def saved_keys(site: Site) -> set[str]:
    with closing(sqlite3.connect(site.log_file.parent / "db.sqlite3")) as database:
        return {name for (name,) in database.execute("select name from sessionstate_statevalue")}


@pytest.mark.parametrize(
    ("server", "number"),
    [("runserver", signal.SIGINT), ("daphne", signal.SIGTERM), ("uvicorn", signal.SIGINT)],
)
def test_a_stop_tells_open_pages_and_saves_what_was_running(
    live_server_factory: SiteFactory, server: ServerName, number: signal.Signals
) -> None:
    site = live_server_factory(server, env=ENV)
    with open_pages(site, site.sign_in("ada")) as (pages, event):
        started = time.monotonic()
        site.process.send_signal(number)
        site.process.wait(10)
        assert time.monotonic() - started < STOP_WITHIN
    assert [page.error for page in pages] == [None, None, None]
    # Gradio's page shows the error and stays; a stream that is cut would make it reload.
    assert event.error is None
    completed, closed = event.messages[-2:]
    assert (completed["msg"], completed["success"]) == ("process_completed", False)
    assert "restarting" in completed["output"]["error"]
    assert closed["msg"] == "close_stream"
    for trouble in ("Traceback", "never retrieved", "was destroyed"):
        assert trouble not in site.log
    # The generator was closed, and what its `finally` wrote is kept.
    assert "ended" in saved_keys(site)


def test_the_second_ctrl_c_does_not_wait(live_server_factory: SiteFactory) -> None:
    env = ENV | {"GRADIO_UI_DRAIN_LIMIT": "600"}
    site = live_server_factory("daphne", env=env, allow_traceback=True)
    with open_pages(site, site.sign_in("ada")):
        site.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        site.process.send_signal(signal.SIGINT)
        site.process.wait(60)


def test_while_it_stops_a_new_event_is_told_to_come_back(
    live_server_factory: SiteFactory,
) -> None:
    site = live_server_factory("daphne", env=ENV)
    headers = site.sign_in("ada")
    with open_pages(site, headers):
        site.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        answer = httpx.get(f"{site.url}/gradio/steps/config", headers=headers)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        site.process.wait(10)


def _children(site: Site) -> list[int]:
    task = Path(f"/proc/{site.process.pid}/task/{site.process.pid}/children")
    return [int(pid) for pid in task.read_text().split()]


def test_the_autoreloader_restarts_with_pages_open(
    live_server_factory: SiteFactory, tmp_path: Path
) -> None:
    package = tmp_path / "touched_app"
    package.mkdir()
    (package / "__init__.py").touch()
    source = package / "gradio_apps.py"
    source.touch()
    env = {"EXTRA_APPS": "tests.gradio_ui.matrix,touched_app", "PYTHONPATH": str(tmp_path)}
    site = live_server_factory("runserver", env=env, reload=True)
    headers = site.sign_in("ada")
    (before,) = _children(site)
    with open_pages(site, headers) as (_, event):
        # The reloader's first look at a module only notes its time; it looks about once a second.
        def is_gone_after_an_edit() -> bool:
            os.utime(source, (time.time(), time.time()))
            return before not in _children(site)

        wait_for(is_gone_after_an_edit, limit=40)
    assert event.messages[-1]["msg"] == "close_stream"
    assert "ended" in saved_keys(site)
    wait_for(lambda: _answers(site), limit=60)


def _answers(site: Site) -> bool:
    try:
        return httpx.get(f"{site.url}/health/live", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
