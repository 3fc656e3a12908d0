"""People who use the app of `app/load.py` all at once, and who check each answer: by plain HTTP as
pages do, and by gradio_client.

Each event has a token. The app writes down when it runs, so it is known in the end which events
ran, and how often. And each answer names its process, so it is known what must still be there.
"""

import itertools
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import httpx
from gradio_client import Client, handle_file
from gradio_client.utils import apply_diff

from tests.attacks.people import API, Failed, Person, Tab, filedata, messages_of
from tests.cluster.app import LEDGER
from tests.cluster.conftest import Processes
from tests.servers import wait_for

APP = "load"
STEPS = 4
# Of the id of an event: the process in which it runs.
PROCESS = 12
# Seconds for an event, whatever happens.
LIMIT = 60.0
# For which a page tries to open its stream again, and what nginx calls one that was cut.
AGAIN = 4.0
STOPPED = "Stopped"
# After the end of an event, for the end of its stream.
LAST = 1.0


class Stale(AssertionError):
    """An answer that does not go with what was there before."""


@dataclass
class Event:
    """One, from where its user sees it."""

    user: str
    kind: str
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    # The process that has it, when that is known.
    process: str = ""
    error: str = ""
    is_stale: bool = False

    @property
    def ended(self) -> float:
        return self.began + self.seconds


class User:
    """Has one page, and asks for one thing after the other."""

    kinds: ClassVar[Sequence[str]]

    def __init__(self, name: str, load: "Load", person: Person) -> None:
        self.name, self._load, self.person = name, load, person
        self._process, self._count = "", 0
        # Events of whose end nothing was heard: what they did may be there, or not.
        self._doubt = 0
        self._kept: list[str] = []
        self._perhaps: set[str] = set()

    def ask(self, kind: str) -> Event:
        event = Event(self.name, kind)
        try:
            getattr(self, kind)(event)
        except Stale as error:
            event.is_stale, event.error = True, str(error)
        except Exception as error:
            event.error = f"{type(error).__name__}: {_said(error)}".rstrip(": ")
            self._doubt += 1
            self._perhaps.add(event.token)
        event.seconds = time.monotonic() - event.began
        return event

    def _counted(self, event: Event, process: str, count: int) -> None:
        """`gr.State` goes with its process, and only with it."""
        event.process, before = process, self._process
        least = self._count + 1 if process == before else 1
        most = least + self._doubt
        self._process, self._count, self._doubt = process, count, 0
        if before and process != before and before not in self._load.gone:
            raise Stale(f"the page was in {before}, which lives, and is in {process}")
        if not least <= count <= most:
            raise Stale(f"counted {count} where {least} to {most} was due")

    def _remembered(self, event: Event, process: str, tokens: list[str]) -> None:
        event.process = process
        due, self._kept = [*self._kept, event.token], tokens
        found = [token for token in tokens if token in due]
        if found != due or not set(tokens) <= {*due, *self._perhaps}:
            raise Stale(f"{len(tokens)} tokens where {len(due)} were due")
        answer = self.person.client.get(f"{self._load.url}/api/session/data")
        if answer.status_code != 200:
            raise Failed(answer.text[:300])
        if answer.json()["last"] != event.token:
            raise Stale("another process has an older value of the session")

    def close(self) -> None:
        self.person.close()


class RawUser(User):
    """As Gradio's page, which opens a stream for what it has asked for."""

    kinds = ("tick", "keep", "walk", "weigh", "stop", "run", "call")

    def __init__(self, name: str, load: "Load", person: Person) -> None:
        super().__init__(name, load, person)
        self._tab = Tab(person)

    def tick(self, event: Event) -> None:
        process, count = self._follow(event, "tick", event.token, None)[-1][:2]
        self._counted(event, process, count)

    def run(self, event: Event) -> None:
        """Without the queue."""
        body = {"data": [event.token, None], "session_hash": self._tab.hash}
        answer = self.person.post(f"{API}/run/tick", body)
        if answer.status_code != 200:
            raise Failed(answer.text[:300])
        self._counted(event, *answer.json()["data"][:2])

    def call(self, event: Event) -> None:
        """Without a page."""
        answer = self.person.post(f"{API}/call/walk", {"data": [event.token, STEPS, 0]})
        if answer.status_code != 200:
            raise Failed(answer.text[:300])
        identity = answer.json()["event_id"]
        event.process = identity[:PROCESS]
        lines = self._lines(f"{API}/call/walk/{identity}")
        words = [json.loads(line.removeprefix("data: ")) for line in lines if line[:5] == "data:"]
        if "event: error" in lines:
            raise Failed(str(words[-1]))
        # The last is said twice.
        if [word[1] for word in words if word][:STEPS] != list(range(STEPS)):
            raise Stale(f"{words}")

    def _lines(self, path: str) -> list[str]:
        """Of a stream that is read again, from its beginning, when it is cut."""
        until = time.monotonic() + AGAIN
        while True:
            try:
                with self.person.client.stream("GET", path) as stream:
                    if stream.status_code != 200:
                        raise Failed(stream.read().decode()[:300])
                    return [line for line in stream.iter_lines() if line]
            except httpx.TransportError:
                if time.monotonic() > until:
                    raise
            time.sleep(0.2)

    def keep(self, event: Event) -> None:
        process, tokens = self._follow(event, "keep", event.token)[-1]
        self._remembered(event, process, tokens)

    def walk(self, event: Event) -> None:
        steps = [data[1] for data in self._follow(event, "walk", event.token, STEPS, 0.01)]
        if steps[:STEPS] != list(range(STEPS)):
            raise Stale(f"the steps {steps}")

    def weigh(self, event: Event) -> None:
        content = secrets.token_bytes(1000 + secrets.randbelow(200_000))
        path = self.person.upload(content, "bytes.bin")
        answer = self._download(f"{API}/file={path}")
        if answer.status_code != 200:
            raise Failed(answer.text[:300])
        if answer.content != content:
            raise Stale("the file is another one")
        data = self._follow(event, "weigh", event.token, filedata(path), None)[-1]
        self._counted(event, *data[:2])
        if data[2] != len(content):
            raise Stale("the size is another one")

    def _download(self, path: str) -> httpx.Response:
        """Asked for once more when it was cut, as a page is loaded again."""
        try:
            return self.person.get(path)
        except httpx.RemoteProtocolError:
            return self.person.get(path)

    def stop(self, event: Event) -> None:
        identity = ""

        def stop(message: dict[str, Any]) -> None:
            if message["msg"] == "process_generating" and not identity:
                self._cancel(message["event_id"])

        self._follow(event, "walk", event.token, 1000, 0.05, heard=stop, may_fail=True)
        self._load.stopped.add(event.token)

    def _cancel(self, identity: str) -> None:
        fn = self.person.fn("walk")
        body = {"session_hash": self._tab.hash, "event_id": identity, "fn_index": fn}
        answer = self.person.post(f"{API}/cancel", body)
        if answer.status_code == 502:
            # It has gone with the process that passed it on. There is no harm in asking twice.
            answer = self.person.post(f"{API}/cancel", body)
        if answer.status_code != 200:
            raise Failed(answer.text[:300])

    def _follow(
        self,
        event: Event,
        fn: str,
        *data: Any,
        heard: Callable[[dict[str, Any]], None] = lambda message: None,
        may_fail: bool = False,
    ) -> list[list[Any]]:
        """What the event has given, step by step."""
        answer = self._tab.join(fn, *data)
        if answer.status_code != 200:
            raise Failed(answer.text[:300])
        identity = answer.json()["event_id"]
        event.process = identity[:PROCESS]
        given: list[list[Any]] = []
        is_heard, end, until = False, None, 0.0
        try:
            for message in self._messages():
                if end is not None and time.monotonic() > until:
                    break  # something else of the page goes on
                if message.get("event_id") not in (identity, None):
                    continue
                if message["msg"] == "process_generating":
                    new = message["output"]["data"]
                    given.append(_changed(given[-1], new) if given else new)
                    if not is_heard:
                        is_heard = True
                        heard(message)
                elif message["msg"] == "process_completed" and end is None:
                    # The stream ends next. Who leaves before ends what is asked for meanwhile.
                    end, until = message, time.monotonic() + LAST
        except Failed:
            if end is None:
                raise
        if end is None:
            raise Failed("The stream has ended.")
        if end["success"]:
            found = end["output"].get("data")
            return [*given, found] if found else given
        if may_fail and given and not end["output"].get("error"):
            return given
        raise Failed(str(end["output"].get("error", end["output"])))

    def _messages(self) -> Iterator[dict[str, Any]]:
        """Of a stream that is opened again when it is cut, as the page's script does."""
        path, count = f"{API}/queue/data?session_hash={self._tab.hash}", 0
        until = 0.0
        while True:
            headers = {"Last-Event-ID": str(count)} if until else {}
            try:
                with self.person.client.stream("GET", path, headers=headers) as answer:
                    if answer.status_code == 200:
                        for message in messages_of(answer):
                            if message.get("title") == STOPPED:
                                break
                            count, until = count + 1, 0.0
                            yield message
                            if message["msg"] == "close_stream":
                                return
                    elif not until:
                        answer.read()
                        raise Failed(answer.text[:300])
            except httpx.ReadTimeout as error:
                raise Failed("The stream is silent.") from error
            except httpx.TransportError:
                pass
            until = until or time.monotonic() + AGAIN
            if time.monotonic() > until:
                raise Failed("The stream was cut.")
            time.sleep(0.2)


class ClientUser(User):
    """gradio_client, with a stream that stays open as long as something runs."""

    kinds = ("tick", "keep", "walk", "weigh", "stop")

    def __init__(self, name: str, load: "Load", person: Person) -> None:
        super().__init__(name, load, person)
        headers = {"Authorization": person.client.headers["Authorization"]}
        self._client = Client(
            f"{person.root}/",
            headers=headers,
            verbose=False,
            # Loading certificates takes longer than an event.
            ssl_verify=False,
            analytics_enabled=False,
            httpx_kwargs={"timeout": LIMIT / 2},
        )
        self._file = load.directory / f"{name}.bin"

    def tick(self, event: Event) -> None:
        self._counted(event, *self._result(event, event.token, api_name="/tick"))

    def keep(self, event: Event) -> None:
        self._remembered(event, *self._result(event, event.token, api_name="/keep"))

    def walk(self, event: Event) -> None:
        job = self._submit(event, event.token, STEPS, 0.01, api_name="/walk")
        job.result(LIMIT)
        steps = [step for _, step in job.outputs()]
        if steps[:STEPS] != list(range(STEPS)):
            raise Stale(f"the steps {steps}")

    def weigh(self, event: Event) -> None:
        size = 1000 + secrets.randbelow(200_000)
        self._file.write_bytes(secrets.token_bytes(size))
        process, count, found = self._result(
            event, event.token, handle_file(self._file), api_name="/weigh"
        )
        self._counted(event, process, count)
        if found != size:
            raise Stale("the size is another one")

    def stop(self, event: Event) -> None:
        job = self._submit(event, event.token, 1000, 0.05, api_name="/walk")
        until = time.monotonic() + LIMIT / 2
        while not job.outputs() and not job.done() and time.monotonic() < until:
            time.sleep(0.01)
        if job.done() or not job.outputs():
            job.result(0)
        job.cancel()
        self._load.stopped.add(event.token)
        # It would count what it sends while that stream is being closed among what ends with it.
        until = time.monotonic() + LIMIT / 2
        while self._client.stream_open and time.monotonic() < until:
            time.sleep(0.01)

    def _submit(self, event: Event, *data: Any, **more: Any) -> Any:
        job = self._client.submit(*data, **more)
        job.add_done_callback(lambda _: None)
        until = time.monotonic() + LIMIT / 2
        while not job.communicator.event_id and not job.done() and time.monotonic() < until:
            time.sleep(0.002)
        event.process = (job.communicator.event_id or "")[:PROCESS]
        return job

    def _result(self, event: Event, *data: Any, **more: Any) -> Any:
        return self._submit(event, *data, **more).result(LIMIT)

    def close(self) -> None:
        self._client.close()
        super().close()


def _said(error: Exception) -> str:
    """Of an answer that is no success gradio_client gives the number; the words are with it."""
    return error.response.text if isinstance(error, httpx.HTTPStatusError) else str(error)


def _changed(before: list[Any], changes: list[Any]) -> list[Any]:
    return [apply_diff(old, change) for old, change in zip(before, changes, strict=True)]


class Load:
    """`people`: of any number, each a login of its own."""

    def __init__(self, url: str, people: Sequence[Person], directory: Path, ledger: Path) -> None:
        self.url, self.directory, self._ledger = url, directory, ledger
        # Processes that were stopped, and what was in them has gone with them.
        self.gone: set[str] = set()
        # Tokens of what was cancelled.
        self.stopped: set[str] = set()
        self.events: list[Event] = []
        self.seconds = 0.0
        with ThreadPoolExecutor(8) as pool:
            self.users = list(pool.map(self._user, range(len(people)), people))

    def _user(self, number: int, person: Person) -> User:
        kind = (RawUser, ClientUser)[number % 2]
        return kind(f"{kind.__name__}-{number}", self, person)

    def run(self, count: int) -> "Load":
        """So many events, by all users together."""
        numbers = iter(range(count))
        lock = threading.Lock()

        def more() -> bool:
            with lock:
                return next(numbers, None) is not None

        self._run(more)
        return self

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Until the block has ended."""
        ended = threading.Event()
        thread = threading.Thread(target=self._run, args=[lambda: not ended.is_set()])
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(2 * LIMIT)
            assert not thread.is_alive(), "somebody never got an answer"

    def _run(self, more: Callable[[], bool]) -> None:
        began = time.monotonic()

        def work(number: int) -> None:
            user = self.users[number]
            kinds = itertools.cycle(user.kinds)
            for _ in range(number % len(user.kinds)):
                next(kinds)
            while more():
                self.events.append(user.ask(next(kinds)))

        with ThreadPoolExecutor(len(self.users)) as pool:
            list(pool.map(work, range(len(self.users))))
        self.seconds += time.monotonic() - began

    def close(self) -> None:
        for user in self.users:
            user.close()

    @property
    def failures(self) -> list[Event]:
        return [event for event in self.events if event.error and not event.is_stale]

    @property
    def stale(self) -> list[Event]:
        return [event for event in self.events if event.is_stale]

    def ran(self, word: str = "begun") -> Counter[str]:
        """How often each token was run."""
        return Counter(token for token, what, _ in self._noted() if what == word)

    def where(self) -> dict[str, str]:
        """The process in which each event was, as far as that is known."""
        found = {token: process for token, _, process in self._noted()}
        return found | {event.token: event.process for event in self.events if event.process}

    def _noted(self) -> list[list[str]]:
        return [line.split() for line in self._ledger.read_text().splitlines()]

    @property
    def twice(self) -> list[str]:
        return [token for token, count in self.ran().items() if count > 1]

    @property
    def not_run(self) -> list[Event]:
        """Answered, although nothing has happened."""
        ran = self.ran()
        return [event for event in self.events if not event.error and not ran[event.token]]

    def still_running(self) -> set[str]:
        """Of what was cancelled, what goes on all the same, in processes that are still there."""
        where = self.where()
        left = self.stopped - set(self.ran("ended"))
        return {token for token in left if where.get(token) not in self.gone}

    def table(self) -> str:
        lines = [
            f"{len(self.events)} events by {len(self.users)} users in {self.seconds:.0f} s",
            "",
            "| by | event | asked | answered | failed | stale | middle ms | 99 % ms |",
            "|---|---|--:|--:|--:|--:|--:|--:|",
        ]
        for client, kind in sorted({(e.user.split("-")[0], e.kind) for e in self.events}):
            found = [e for e in self.events if e.user.startswith(client) and e.kind == kind]
            good = sorted(event.seconds * 1000 for event in found if not event.error)
            figures = f"{median(good):.0f} | {good[int(len(good) * 0.99)]:.0f}" if good else "- | -"
            failed = sum(bool(event.error) and not event.is_stale for event in found)
            stale = sum(event.is_stale for event in found)
            lines.append(
                f"| {_NAMES[client]} | {_NAMES[kind]} | {len(found)} | {len(good)} "
                f"| {failed} | {stale} | {figures} |"
            )
        lines += ["", f"run twice: {len(self.twice)}, answered and not run: {len(self.not_run)}"]
        return "\n".join(lines)


_NAMES = {
    "RawUser": "HTTP",
    "ClientUser": "gradio_client",
    "tick": "plain, with `gr.State`",
    "run": "`run`, with `gr.State`",
    "call": "`call`, without a page",
    "keep": "`TabState` and `Session`",
    "walk": "streaming",
    "weigh": "upload",
    "stop": "cancelled",
}


@contextmanager
def loaded(site: Processes, names: Sequence[str], directory: Path) -> Iterator[Load]:
    """A login for each name. In the end nobody was told anything stale, and nothing ran twice."""
    people = signed_in(site, names)
    ledger = Path(site.sites[0].env["GRADIOSESSION_DATA_DIR"]) / LEDGER
    load = Load(site.url, people, directory, ledger)
    try:
        yield load
        wait_for(lambda: not load.still_running(), what="what was cancelled goes on")
        assert not load.stale, load.stale
        assert not load.twice, load.twice
        assert not load.not_run, load.not_run
    finally:
        load.close()


def signed_in(site: Processes, names: Sequence[str]) -> list[Person]:
    with ThreadPoolExecutor(4) as pool:
        people = list(pool.map(partial(site.person, path=f"/gradio/{APP}"), names))
    for person in people:
        # No need to keep every answer.
        person.client.event_hooks["response"].clear()
        person.client.timeout = httpx.Timeout(20.0, read=LIMIT / 2)
    return people
