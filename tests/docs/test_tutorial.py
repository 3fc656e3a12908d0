"""The tutorial, typed into two terminals on a clean clone as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
from gradio_client import Client

from tests.docs.pages import TUTORIAL, Block, blocks
from tests.docs.terminal import Terminal, link_environment, terminal
from tests.servers import BASE_DIR, component, free_port, wait_for

SERVES = re.compile(r"make run|.*daphne ")
# The first `make run` of a clone compresses Gradio's files.
START_LIMIT = 300.0


class Reader:
    """Somebody with a clone, a terminal in which the server runs, and another one."""

    def __init__(self, clone: Path, first: Terminal, second: Terminal, port: int) -> None:
        self.clone, self.first, self.second = clone, first, second
        self.url = f"http://127.0.0.1:{port}"
        self._serving = False

    def follow(self, block: Block) -> None:
        if block.language == "python":
            (self.clone / block.file).write_text(block.source.replace("8000", self.url[-5:]))
        elif SERVES.match(block.source):
            self._serve(block.source)
        else:
            assert block.language == "bash", block
            self.second.type(block.source)

    def _serve(self, command: str) -> None:
        if self._serving:
            self.first.interrupt()
        self.first.serve(command)
        self._serving = True
        wait_for(lambda: self.status("/health/ready") == 200, START_LIMIT, command)

    def status(self, path: str, headers: dict[str, str] | None = None) -> int:
        try:
            return httpx.get(f"{self.url}{path}", headers=headers, timeout=30).status_code
        except httpx.TransportError:
            return 0

    def sign_in(self, username: str) -> dict[str, str]:
        # After a change of its files the server is gone for a moment.
        wait_for(lambda: self.status("/health/ready") == 200, START_LIMIT)
        who = {"username": username, "password": "gradio-demo"}
        answer = httpx.post(f"{self.url}/api/auth/login", json=who, timeout=30)
        return {"Authorization": f"Bearer {answer.json()['access']}"}

    def journal(self, username: str) -> Client:
        headers = self.sign_in(username)
        return Client(f"{self.url}/gradio/journal/", headers=headers, verbose=False)


def site_is_up(reader: Reader) -> None:
    assert "Assistant" in httpx.get(reader.url, headers=reader.sign_in("ada")).text


def demo_is_one(reader: Reader) -> None:
    output = reader.second.type('python -c \'import demo; print(demo.add("two", ["one"]))\'')
    assert output.startswith(str(("", ["one", "two"], "- one\n- two")))


def everybody_has_a_journal(reader: Reader) -> None:
    ada = reader.sign_in("ada")
    assert "/gradio/journal/" in httpx.get(reader.url, headers=ada).text
    assert reader.journal("ada").predict("Rain", api_name="/add") == ("", "- Rain")
    # Another login of the same user, and another user.
    assert reader.journal("ada").predict(api_name="/show") == "- Rain"
    assert reader.journal("bob").predict(api_name="/show") == ""


def writers_may_open_it(reader: Reader) -> None:
    ada, bob = reader.sign_in("ada"), reader.sign_in("bob")
    wait_for(lambda: reader.status("/gradio/journal/", bob) == 403, START_LIMIT)
    assert reader.status("/gradio/journal/", ada) == 200
    assert "/gradio/journal/" not in httpx.get(reader.url, headers=bob).text


def program_wrote(reader: Reader) -> None:
    text = reader.journal("ada").predict(api_name="/show")
    assert text == "- Rain\n- Written by a program"


def production_is_up(reader: Reader) -> None:
    proxied = {"Host": "apps.example.org", "X-Forwarded-Proto": "https"}
    page = httpx.get(f"{reader.url}/accounts/login/", headers=proxied)
    assert page.status_code == 200 and "gradio-demo" not in page.text
    [style] = re.findall(r'href="(/static/css/site[^"]*\.css)"', page.text)[:1]
    assert reader.status(style, proxied) == 200
    who = {"username": "boss", "password": "correct-horse-battery"}
    answer = httpx.post(f"{reader.url}/api/auth/login", json=who, headers=proxied)
    assert answer.json()["user"]["username"] == "boss"


CHECKS: dict[str, Callable[[Reader], None]] = {
    "1. Start the site": site_is_up,
    "2. The demo as it is": demo_is_one,
    "3. Put it behind the site": everybody_has_a_journal,
    "4. Open it to a group only": writers_may_open_it,
    "5. Test it": lambda reader: None,  # its command prints what the page shows
    "6. Call it from a program": program_wrote,
    "7. Go to production": production_is_up,
}


def test_the_tutorial_works_as_it_is_typed(tmp_path: Path) -> None:
    clone, port = tmp_path / "clone", free_port()
    subprocess.run([component("git"), "clone", "-q", str(BASE_DIR), str(clone)], check=True)
    # tests/e2e/test_fresh_clone.py installs from nothing.
    link_environment(clone)
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env["PORT"] = str(port)
    sections: dict[str, list[Block]] = {}
    for block in blocks(TUTORIAL):
        sections.setdefault(block.section, []).append(block)
    assert sections.keys() == CHECKS.keys()
    server, commands = tmp_path / "server.log", tmp_path / "commands.log"
    with (
        terminal(clone, env, port, server) as first,
        terminal(clone, env, port, commands) as second,
    ):
        reader = Reader(clone, first, second, port)
        for section, steps in sections.items():
            for step in steps:
                reader.follow(step)
            CHECKS[section](reader)
        first.interrupt()
    _, traceback, text = server.read_text().partition("Traceback")
    assert not traceback, text[:5000]
