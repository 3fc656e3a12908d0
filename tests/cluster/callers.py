"""Somebody at each door of two processes, who knocks again and again while something happens.

Whoever is refused is told so soon and clearly, and nothing of it is done.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.attacks.people import API, Failed, Person, Tab
from tests.cluster import chaos
from tests.cluster.conftest import Processes

# A callback whose state could not be read or saved says so.
STATE = "Your session could not be reached. Please try again in a moment."
PAUSE = 0.3


@dataclass
class Answer:
    began: float
    ended: float
    token: str
    # `None`: of an event that was accepted, and of whose end nobody knows.
    response: httpx.Response | None = None
    error: str = ""

    @property
    def is_good(self) -> bool:
        return not self.error and self.response is not None and self.response.status_code == 200


class Caller(threading.Thread):
    """Knocks at one door of one process, again and again."""

    def __init__(self, name: str, tab: Tab, lines: Path, other: Tab) -> None:
        super().__init__(name=name, daemon=True)
        self.tab, self.person, self._lines = tab, tab.person, str(lines)
        # The same page, by way of the other process.
        self.other = other
        self.answers: list[Answer] = []
        self._knock: Callable[[str], httpx.Response | None] = getattr(self, name)
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            answer = Answer(time.monotonic(), 0.0, f"{self.name}-{self.ident}-{len(self.answers)}")
            try:
                answer.response = self._knock(answer.token)
            except (Failed, httpx.HTTPError) as error:
                answer.error = f"{type(error).__name__}: {error}"
            answer.ended = time.monotonic()
            self.answers.append(answer)
            self._ended.wait(PAUSE)

    def end(self) -> None:
        self._ended.set()
        self.join(30)
        assert not self.is_alive(), f"{self.name} never got an answer"

    def is_fine_since(self, moment: float) -> bool:
        since = [answer for answer in self.answers if answer.began > moment]
        return len(since) > 1 and all(answer.is_good for answer in since[-2:])

    # The doors.

    def event(self, token: str) -> httpx.Response | None:
        return self._followed(self.tab, self.tab.join("write", self._lines, token, 0))

    def state(self, token: str) -> httpx.Response | None:
        return self._followed(self.tab, self.tab.join("note", token))

    def relayed(self, token: str) -> httpx.Response | None:
        return self._followed(self.other, self.tab.join("write", self._lines, token, 0))

    def run_at_once(self, token: str) -> httpx.Response:
        body = {"data": [self._lines, token, 0], "session_hash": self.tab.hash}
        return self.person.post(f"{API}/run/write", body)

    def call(self, token: str) -> httpx.Response | None:
        answer = self.person.post(f"{API}/call/write", {"data": [self._lines, token, 0]})
        if answer.status_code != 200:
            return answer
        stream = self.other.person.get(f"{API}/call/write/{answer.json()['event_id']}")
        if stream.status_code == 200 and "event: error" in stream.text:
            raise Failed(stream.text)
        return stream if stream.status_code == 200 else None

    def upload(self, token: str) -> httpx.Response:
        return self.person.client.post(f"{API}/upload", files={"files": ("a.txt", token.encode())})

    def page(self, token: str) -> httpx.Response:
        return self.person.get("/", headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"})

    def data(self, token: str) -> httpx.Response:
        return self.person.client.get(f"{origin(self.person)}/api/session/data")

    def _followed(self, tab: Tab, answer: httpx.Response) -> httpx.Response | None:
        if answer.status_code != 200:
            return answer
        event = answer.json()["event_id"]
        with tab.person.client.stream("GET", f"{API}/queue/data?session_hash={tab.hash}") as stream:
            if stream.status_code != 200:
                return None
            for line in stream.iter_lines():
                if not line.startswith("data: "):
                    continue
                message = json.loads(line.removeprefix("data: "))
                if message["msg"] == "process_completed" and message["event_id"] in (event, None):
                    if not message["success"]:
                        raise Failed(str(message["output"].get("error")))
                    return answer
        raise Failed("the stream ended")


DOORS = ("event", "state", "relayed", "run_at_once", "call", "upload", "page", "data")
RUN = ("event", "relayed", "run_at_once", "call")


def origin(person: Person) -> str:
    return person.root.removesuffix("/gradio/cluster")


@contextmanager
def everybody(site: Processes, ada: Person, lines: Path) -> Iterator[list[Caller]]:
    callers = []
    for number, door in ((number, door) for door in DOORS for number in (0, 1)):
        page = site.page(number, ada)
        tabs = site.tab_at(number, page), site.tab_at(1 - number, page)
        callers.append(Caller(door, tabs[0], lines, tabs[1]))
    for caller in callers:
        caller.start()
    try:
        yield callers
    finally:
        for caller in callers:
            caller.end()


def check(caller: Caller, lines: Path) -> None:
    done = lines.read_text().split()
    for answer in caller.answers:
        told = f"{caller.name} {answer}"
        assert answer.ended - answer.began < chaos.REFUSED, told
        if answer.error:
            assert STATE in answer.error and caller.name == "state", told
        elif answer.response is not None and answer.response.status_code != 200:
            check_refusal(answer.response, told)
            assert answer.token not in done, told
        if caller.name in RUN and (answer.is_good or answer.response is None):
            assert done.count(answer.token) == 1, told


def check_refusal(response: httpx.Response, told: str) -> None:
    assert response.status_code == 503, told
    assert 1 <= int(response.headers["Retry-After"]) <= 10
    assert "Redis" not in response.text and "stopped" not in response.text, response.text
    if "/html" in response.request.headers["Accept"]:
        assert "text/html" in response.headers["Content-Type"]
    else:
        assert response.headers["Content-Type"] == "application/problem+json", told
        problem: dict[str, Any] = response.json()
        assert problem["status"] == 503 and "try again" in problem["detail"], told
