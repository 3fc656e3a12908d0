"""From `git clone` to using an app, with `make run` and nothing else."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.servers import BASE_DIR, allow_interrupt, component, free_port, wait_for

# Packages come from the index the first time.
INSTALL_LIMIT = 600.0
OFFLINE = ("NewConnectionError", "No matching distribution", "name resolution")
# Nothing of this process: no settings, no virtual environment.
ENV = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


@contextmanager
def make_run(clone: Path, port: int, limit: float) -> Iterator[str]:
    """`make run` as in a terminal: its output until it serves; Ctrl-C at the end."""
    log = clone.parent / f"make-run-{port}-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [component("make"), "run", f"PORT={port}", "DEMO_PASSWORD=from-the-test"],
            cwd=clone,
            env=ENV,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=allow_interrupt,
        )

    def serves() -> bool:
        if process.poll() is not None:
            text = log.read_text()
            if any(sign in text for sign in OFFLINE):
                pytest.skip("missing component: a package index")
            raise AssertionError(text)
        try:
            return httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_for(serves, limit, f"make run does not serve: {log.read_text()}")
        yield log.read_text()
        os.killpg(process.pid, signal.SIGINT)
        process.wait(3)
        assert "Traceback" not in log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_two_commands_on_a_fresh_machine(tmp_path: Path, page: Page) -> None:
    clone, port = tmp_path / "clone", free_port()
    subprocess.run([component("git"), "clone", "-q", str(BASE_DIR), str(clone)], check=True)
    url = f"http://127.0.0.1:{port}"
    with make_run(clone, port, INSTALL_LIMIT) as output:
        assert url in output
        assert "from-the-test" in output
        page.goto(f"{url}/gradio/assistant/")
        page.locator("input[name=login]").fill("ada")
        page.locator("input[name=password]").fill("from-the-test")
        page.locator("form button[type=submit]").last.click()
        page.wait_for_url(f"{url}/gradio/assistant/")
        box = page.get_by_placeholder("Ask a question")
        box.fill("How do I sign out everywhere?")
        box.press("Enter")
        expect(page.get_by_role("log").locator(".bot.message").last).not_to_be_empty(timeout=20_000)
        page.goto("about:blank")
    env_file = (clone / ".env").read_text()

    started = time.monotonic()
    with make_run(clone, port, 60) as output:
        assert time.monotonic() - started < 30
        assert "Installing" not in output
        page.goto(f"{url}/gradio/assistant/")
        # Still signed in: neither the database nor the secret has changed.
        expect(page.get_by_role("log")).to_contain_text("sign out", timeout=15_000)
        page.goto("about:blank")
    assert (clone / ".env").read_text() == env_file
    status = subprocess.run(
        [component("git"), "status", "--porcelain"], cwd=clone, capture_output=True, text=True
    )
    assert status.stdout == ""

    command = [".venv/bin/python", "manage.py", "startgradioapp", "field_notes"]
    subprocess.run(command, cwd=clone, env=ENV, check=True)
    with make_run(clone, port, 60):
        page.goto(url)
        page.get_by_role("link", name="Field notes").click()
        expect(page.get_by_text("Added since you signed in: 0")).to_be_visible(timeout=15_000)
        page.get_by_label("New note").fill("Cranes over the lake")
        page.get_by_label("New note").press("Enter")
        expect(page.get_by_text("Added since you signed in: 1")).to_be_visible(timeout=15_000)
        page.goto("about:blank")
