"""A login that ends takes its running work with it: over processes, on PostgreSQL and on Redis.

Work runs on one process under daphne, the end comes on another one under uvicorn, or from a
command. What the generator leaves in a file tells when it stopped.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.gradio_ui.test_lifespan import Stream
from tests.servers import (
    DEMO_PASSWORD,
    GRACE,
    Postgres,
    Site,
    SiteFactory,
    manage,
    project_env,
    wait_for,
)
from tests.worker import Worker

# Of the issue, and what a loaded machine may add.
WITHIN = 1.0 + GRACE
SIGNED_OUT, NOT_ALLOWED = "You have been signed out.", "You may not use this app."


@dataclass
class Pair:
    """Two processes of one site, and somebody else who works there all the time."""

    here: Site
    there: Site
    worker: Worker
    traces: Path
    numbers: Iterator[int] = field(default_factory=count)

    def person(self) -> "Person":
        name = f"person{next(self.numbers)}"
        self.worker(
            f"[u := User.objects.create_user('{name}', password='{DEMO_PASSWORD}'), "
            "u.groups.set(Group.objects.filter(name='analysts'))]"
        )
        return Person(self, name)


@dataclass
class Person:
    pair: Pair
    name: str

    def __post_init__(self) -> None:
        answer = httpx.post(
            f"{self.pair.here.url}/api/auth/login",
            json={"username": self.name, "password": DEMO_PASSWORD},
        )
        assert answer.status_code == 200, answer.text
        self.session_id = answer.json()["session_id"]
        self.headers = {"Authorization": f"Bearer {answer.json()['access']}"}

    @property
    def traces(self) -> list[str]:
        file = self.pair.traces / self.name
        return file.read_text().split("\n")[:-1] if file.exists() else []

    @cached_property
    def config(self) -> Any:
        url = f"{self.pair.here.url}/gradio/ending/config"
        return httpx.get(url, headers=self.headers).json()

    @property
    def component(self) -> int:
        """The one with a function of its own."""
        found = (c for c in self.config["components"] if c["props"].get("elem_id") == "server")
        number: int = next(found)["id"]
        return number

    def post(self, path: str, body: Any) -> httpx.Response:
        url = f"{self.pair.here.url}/gradio/ending/gradio_api/{path}"
        return httpx.post(url, json=body, headers=self.headers, timeout=30)

    def start(self, api_name: str) -> Stream:
        dependencies = self.config["dependencies"]
        fn = next(d["id"] for d in dependencies if d["api_name"] == api_name)
        page = f"{self.name}-{api_name}"
        body = {"data": [self.name], "fn_index": fn, "session_hash": page}
        self.post("queue/join", body).raise_for_status()
        url = f"{self.pair.here.url}/gradio/ending/gradio_api"
        stream = Stream(f"{url}/queue/data?session_hash={page}", self.headers)
        stream.start()
        return stream

    def heartbeat(self) -> Stream:
        url = f"{self.pair.here.url}/gradio/ending/gradio_api/heartbeat/{self.name}-ticks"
        stream = Stream(url, self.headers)
        stream.start()
        return stream

    def work(self) -> "Work":
        events = [self.start(name) for name in ("ticks", "slow", "alone")]
        work = Work(events, self.heartbeat())
        wait_for(lambda: self.traces.count("tick") > 2 and "slow begins" in self.traces)
        wait_for(lambda: work.heartbeat.lines)
        return work

    def state(self) -> str:
        user = f"User.objects.get(username='{self.name}')"
        return str(self.pair.worker(f"dict(UserState({user}.pk))"))


@dataclass
class Work:
    events: list[Stream]
    heartbeat: Stream


def two_processes(factory: SiteFactory, directory: Path, env: dict[str, str]) -> Iterator[Pair]:
    traces = directory / "traces"
    traces.mkdir(parents=True)
    env = {"EXTRA_APPS": "tests.gradio_ui.ending", "TRACES": str(traces), **env}
    here = factory("daphne", directory=directory, env=env, allow_traceback=True)
    there = factory("uvicorn", directory=directory, env=env, allow_traceback=True)
    worker = Worker(dict(here.env))
    yield Pair(here, there, worker, traces)
    worker.close()
    factory.close()


@pytest.fixture(scope="module")
def on_postgres(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, postgres_server: Postgres
) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("on-postgres")
    factory = SiteFactory(directory, demo_database)
    url = postgres_server.new_database("revocation")
    env = {"DATABASE_URL": url}
    site_env = project_env(directory, **env)
    for command in (["migrate", "-v", "0"], ["demo_users"]):
        done = manage(*command, env=site_env)
        assert done.returncode == 0, done.stderr
    yield from two_processes(factory, directory / "site", env)


@pytest.fixture(scope="module")
def on_redis(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, redis_server: str
) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("on-redis")
    factory = SiteFactory(directory, demo_database)
    env = {"REDIS_URL": redis_server.replace("/0", "/5"), "SESSIONSTATE_BACKEND": "redis"}
    yield from two_processes(factory, directory / "site", env)


# How it ends, seen from another process than the one where the work runs.


def signed_out(person: Person) -> None:
    url = f"{person.pair.there.url}/api/auth/logout"
    assert httpx.post(url, headers=person.headers).status_code == 204


def ended_from_another_device(person: Person) -> None:
    other = person.pair.there.sign_in(person.name)
    answer = httpx.delete(f"{person.pair.there.url}/api/sessions", headers=other)
    assert answer.json() == {"ended": 1}


def revoked_by_an_admin(person: Person) -> None:
    site = person.pair.there
    url = f"{site.url}/admin/sessionstate/livesession/revoke/"
    user = person.pair.worker(f"User.objects.get(username='{person.name}').pk")
    with httpx.Client(headers={"Referer": url}) as admin:
        body = {"username": "admin", "password": DEMO_PASSWORD}
        admin.post(f"{site.url}/api/auth/login", json=body).raise_for_status()
        page = admin.get(url, params={"users": user})
        token = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        data = {"csrfmiddlewaretoken": token, "users": user, "confirmed": "yes"}
        assert admin.post(url, data=data).status_code == 302


def revoked_by_a_command(person: Person) -> None:
    done = manage("sessions", "revoke", "--no-input", person.session_id, env=person.pair.here.env)
    assert done.returncode == 0, done.stderr


def given_a_new_password(person: Person) -> None:
    user = f"User.objects.get(username='{person.name}')"
    person.pair.worker(f"[u := {user}, u.set_password('new one'), u.save()]")


def disabled(person: Person) -> None:
    person.pair.worker(f"User.objects.filter(username='{person.name}').update(is_active=False)")


def deleted(person: Person) -> None:
    person.pair.worker(f"User.objects.get(username='{person.name}').delete()")


def out_of_the_group(person: Person) -> None:
    person.pair.worker(f"User.objects.get(username='{person.name}').groups.clear()")


def ends_all_work(person: Person, end: Callable[[Person], None], message: str) -> None:
    address = f"ws://127.0.0.1:{person.pair.here.port}/ws/session/"
    with connect(address, additional_headers=person.headers, open_timeout=20) as page:
        page.recv(timeout=10)  # whose session it is
        said: list[object] = []

        def listen() -> None:
            # All the while: what was not read yet is lost where the connection is reset.
            with suppress(ConnectionClosed):
                for text in page:
                    said.append(json.loads(text))

        listening = threading.Thread(target=listen)
        listening.start()
        ends_work(person, end, message)
        if end is out_of_the_group:
            listening.join(0.1)
            assert listening.is_alive() and not said
        else:
            listening.join(WITHIN)
            assert not listening.is_alive()
            assert said == [{"type": "revoked"}]
            assert page.close_code == 4401


def ends_work(person: Person, end: Callable[[Person], None], message: str) -> None:
    pair = person.pair
    other = pair.person()
    # It holds the one place of `alone` when the person comes.
    others = other.work()
    work = person.work()
    result: list[httpx.Response] = []
    page = f"{person.name}-run"
    served = {"component_id": person.component, "fn_name": "served", "session_hash": page}
    calls = [
        threading.Thread(target=lambda sent=sent: result.append(person.post(*sent)))
        for sent in (
            ("run/slow", {"data": [person.name], "session_hash": page}),
            ("component_server", served | {"data": person.name}),
        )
    ]
    for call in calls:
        call.start()
    wait_for(lambda: person.traces.count("slow begins") == 2 and "served begins" in person.traces)
    end(person)
    ended = time.monotonic()
    for stream in (*work.events, work.heartbeat):
        stream.join(WITHIN)
        assert not stream.is_alive(), "still open"
        assert stream.error is None
    wait_for(lambda: "closed" in person.traces, ended + WITHIN - time.monotonic(), "still runs")
    for stream in work.events:
        # So the page shows an error and stays; one that is cut would make it reload.
        *_, completed, closed = stream.messages
        assert (completed["msg"], completed["success"]) == ("process_completed", False)
        # Who is disabled or gone may hear it from the rules of the next step first.
        assert completed["output"]["error"] in (message, NOT_ALLOWED)
        assert closed["msg"] == "close_stream"
    count = person.traces.count("tick")
    # A function that cannot be stopped finishes, and so does what holds the place of another.
    (pair.traces / f"{person.name}.done").touch()
    (pair.traces / f"{other.name}.done").touch()
    for call in calls:
        call.join(20)
    assert len(result) == 2
    for answer in result:
        assert answer.status_code >= 400
        assert "the result" not in answer.text
    assert person.traces.count("tick") == count, "it went on"
    others.events[2].join(10)
    assert others.events[2].messages[-2]["success"]
    time.sleep(0.3)
    assert "alone" not in person.traces, "it waited for its turn, and got it"
    assert "slow saved" not in person.traces
    if end is not deleted:
        assert person.state() == "{}", "saved afterwards"
    count = other.traces.count("tick")
    wait_for(lambda: other.traces.count("tick") > count, what="somebody else's work ended")
    assert others.events[0].is_alive() and others.heartbeat.is_alive()
    signed_out(other)
    for stream in (*others.events, others.heartbeat):
        stream.join(10)


ENDS = [
    (signed_out, SIGNED_OUT),
    (ended_from_another_device, SIGNED_OUT),
    (revoked_by_an_admin, SIGNED_OUT),
    (revoked_by_a_command, SIGNED_OUT),
    (given_a_new_password, SIGNED_OUT),
    (disabled, SIGNED_OUT),
    (deleted, SIGNED_OUT),
    (out_of_the_group, NOT_ALLOWED),
]


@pytest.mark.parametrize(("end", "message"), ENDS)
def test_running_work_ends_on_another_process_without_redis(
    on_postgres: Pair, end: Callable[[Person], None], message: str
) -> None:
    ends_all_work(on_postgres.person(), end, message)


@pytest.mark.parametrize(("end", "message"), [ENDS[0], ENDS[3], ENDS[5], ENDS[7]])
def test_running_work_ends_on_another_process_with_redis(
    on_redis: Pair, end: Callable[[Person], None], message: str
) -> None:
    ends_all_work(on_redis.person(), end, message)


@pytest.mark.parametrize("end", [signed_out, out_of_the_group])
def test_the_page_is_told_in_its_readers_language(
    on_redis: Pair, end: Callable[[Person], None]
) -> None:
    person = on_redis.person()
    person.headers["Accept-Language"] = "de"
    # One is told by the end of its stream, the other by its function, which had to wait.
    streams = [person.start("ticks"), person.start("slow")]
    wait_for(lambda: "tick" in person.traces and "slow begins" in person.traces)
    wait_for(lambda: all(stream.messages for stream in streams))
    end(person)
    for stream in streams:
        stream.join(20)
        # The rules of the next step may be first to say it, as in `ends_work`.
        assert stream.messages[-2]["output"]["error"] in (
            "Sie wurden abgemeldet.",
            "Sie dürfen diese App nicht benutzen.",
        )
    (on_redis.traces / f"{person.name}.done").touch()


@pytest.mark.parametrize(("end", "message"), [ENDS[0], ENDS[7]])
def test_a_call_by_mcp_ends_too(
    on_redis: Pair, end: Callable[[Person], None], message: str
) -> None:
    person = on_redis.person()
    answers: list[httpx.Response] = []
    url = f"{on_redis.here.url}/gradio/ending/gradio_api/mcp/"
    call = {"name": "slow", "arguments": {"name": person.name}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    headers = person.headers | {"Accept": "application/json, text/event-stream"}
    calling = threading.Thread(
        target=lambda: answers.append(httpx.post(url, json=body, headers=headers, timeout=30))
    )
    calling.start()
    wait_for(lambda: "slow begins" in person.traces)
    end(person)
    # The function still runs.
    calling.join(WITHIN)
    assert not calling.is_alive(), "still open"
    assert message in answers[0].text
    assert '"isError":true' in answers[0].text
    (on_redis.traces / f"{person.name}.done").touch()
    time.sleep(0.5)
    assert "slow saved" not in person.traces
    assert person.state() == "{}", "saved afterwards"
