"""Processes that are killed, or restarted one after the other, with pages open."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from redis import Redis

from tests.attacks.people import API, Listener, Person, Tab
from tests.cluster.conftest import Processes, processes
from tests.servers import ServerName, SiteFactory, frozen, wait_for

# Seconds until it is known that a process has not renewed its key for long.
DEAD = 8.0 + 12


@pytest.fixture(scope="module")
def frail(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, redis_server: str
) -> Iterator[Processes]:
    """Two processes; whoever ends one starts it again."""
    factory = SiteFactory(tmp_path_factory.mktemp("frail"), demo_database)
    prefix = {"GRADIO_UI_CLUSTER_PREFIX": "frail"}
    with processes(factory, ("uvicorn", "daphne"), redis_server, prefix) as found:
        yield found


@pytest.fixture(scope="module")
def ada(frail: Processes) -> Person:
    return frail.person()


def failed(listener: Listener) -> list[dict[str, Any]]:
    return [
        message
        for message in list(listener.messages)
        if message["msg"] == "process_completed" and not message["success"]
    ]


@contextlib.contextmanager
def killed(frail: Processes, number: int) -> Iterator[None]:
    frail.kill(number)
    try:
        yield
    finally:
        frail.restart(number)


def test_what_ran_in_a_killed_process_fails_at_once_and_the_rest_goes_on(
    frail: Processes, ada: Person, tmp_path: Path
) -> None:
    tab = Tab(ada)
    number = frail.home(tab)
    other = frail.tab_at(1 - number, tab)
    assert tab.predict("note", "one") == ["one"]
    lines = tmp_path / "lines"
    event = other.start("write", str(lines), "begun", 60)
    relayed = Listener(other)
    # What has been asked for by `run`, and through the other process.
    answers: list[httpx.Response] = []
    body = {"data": [str(lines), "run", 60], "session_hash": tab.hash}
    running = threading.Thread(
        target=lambda: answers.append(other.person.post(f"{API}/run/write", body, timeout=60))
    )
    running.start()
    call = (
        frail.at(number, ada).post(f"{API}/call/steps", {"data": [1000, 0.05]}).json()["event_id"]
    )
    wait_for(lambda: lines.exists() and len(lines.read_text().split()) == 2)
    # Another page is in the process that stays.
    bystander = frail.page(1 - number, ada)
    going_on = frail.tab_at(1 - number, bystander).start("steps", 20, 0.1)
    stream = Listener(frail.tab_at(1 - number, bystander))
    killed_at = time.monotonic()
    with killed(frail, number):
        relayed.join(5)
        assert time.monotonic() - killed_at < 5
        assert not relayed.is_alive() and not relayed.error
        assert [message["event_id"] for message in failed(relayed)][0] == event
        assert "has stopped" in failed(relayed)[0]["output"]["error"]
        assert relayed.messages[-1]["msg"] == "close_stream"
        assert not any("session_not_found" in message for message in relayed.messages)
        running.join(10)
        assert answers[0].status_code == 502 and "has stopped" in answers[0].json()["detail"]
        # Pages and clients would send it once more.
        assert "Retry-After" not in answers[0].headers
        # Who opens the stream anew, because it was cut, hears the same.
        again = Listener(tab)
        again.join(5)
        assert again.messages[-1]["msg"] == "close_stream" and failed(again)
        answer = ada.get(f"{API}/call/steps/{call}")
        assert answer.text.startswith("event: error") and "has stopped" in answer.text
        # Nobody takes the page over who may not have it.
        nobody = Person("nobody", frail.at(1 - number, ada).root)
        assert Tab(nobody, tab.hash, fns=ada.fn).join("count", None).status_code == 401
        # The next event works, without gr.State and with what was saved.
        assert tab.predict("count", None) == 1
        assert tab.predict("note", "two") == ["one", "two"]
        assert frail.home(tab) == 1 - number
        wait_for(lambda: stream.completed(going_on))
        assert not failed(stream)
    assert lines.read_text().split() == ["begun", "run"]
    assert tab.predict("count", None) == 2


@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
def test_a_restart_loses_no_event_and_no_page(
    frail: Processes, ada: Person, server: ServerName
) -> None:
    number = [site.server for site in frail.sites].index(server)
    site = frail.sites[number]
    busy, idle = frail.page(number, ada), frail.page(number, ada)
    event = busy.start("steps", 30, 0.1)
    listener = Listener(frail.tab_at(1 - number, busy))
    wait_for(lambda: len(listener.words(event)) > 1)
    site.process.send_signal(signal.SIGTERM)
    wait_for(lambda: httpx.get(f"{site.url}/health/ready").status_code == 503)
    # At the process that stops, too.
    assert frail.home(frail.tab_at(number, idle)) == 1 - number
    fresh = Tab(frail.at(number, ada), fns=ada.fn)
    assert frail.home(fresh) == 1 - number
    # The page whose event still runs is where it was.
    assert frail.of(frail.tab_at(1 - number, busy).run("process")) == number
    wait_for(lambda: listener.completed(event), 30)
    assert not failed(listener)
    site.process.wait(20)
    assert frail.home(busy) == 1 - number
    frail.restart(number)


def test_what_redis_has_forgotten_is_noted_again(
    frail: Processes, ada: Person, redis_server: str
) -> None:
    tab = frail.page(0, ada)
    assert frail.tab_at(0, tab).predict("count", None) == 1
    with Redis.from_url(redis_server) as redis:
        redis.delete(*redis.keys("frail:*"))
    # This process has never heard of the page.
    assert frail.tab_at(1, tab).predict("count", None) == 2
    assert frail.tab_at(0, tab).predict("count", None) == 3


def test_a_redis_that_stands_still_is_an_error_for_as_long(
    frail: Processes, ada: Person, redis_server: str
) -> None:
    tab, busy = frail.page(0, ada), frail.page(1, ada)
    assert tab.predict("count", None) == 1
    event = busy.start("steps", 40, 0.1)
    listener = Listener(frail.tab_at(0, busy))
    wait_for(lambda: listener.words(event))
    with Redis.from_url(redis_server) as redis:
        redis.client_pause(3000, all=True)
        began = time.monotonic()
        answer = tab.join("count", None)
        assert answer.status_code == 503
        assert time.monotonic() - began < 10
        redis.ping()
    assert tab.predict("count", None) == 2
    wait_for(lambda: listener.completed(event))
    assert not failed(listener)


@pytest.mark.parametrize("says_what_it_has", [True, False])
def test_a_stream_outlives_the_process_that_it_came_through(
    frail: Processes, ada: Person, says_what_it_has: bool
) -> None:
    tab = frail.page(0, ada)
    far = frail.tab_at(1, tab)
    event = tab.start("steps", 60, 0.1)
    first = Listener(far)
    wait_for(lambda: len(first.words(event)) > 2)
    with killed(frail, 1):
        first.join(10)
        assert not first.completed(event)
        # What comes now is kept.
        time.sleep(1)
        headers = {"Last-Event-ID": str(len(first.messages))} if says_what_it_has else {}
        again = Listener(frail.tab_at(0, tab), headers)
        wait_for(lambda: again.completed(event))
        assert not failed(again)
        again.messages = [*first.messages, *again.messages]
        words = again.words(event)
        said = [f"{frail.sites[0].process.pid}:{number}" for number in range(60)]
        # Who does not say what came loses what was on its way.
        lost = [] if says_what_it_has else [word for word in said if word not in words]
        assert words == [word for word in said if word not in lost] and len(lost) <= 2
        again.join(5)
        assert again.messages[-1]["msg"] == "close_stream"
        assert tab.predict("count", None) == 1


def test_a_call_is_heard_again_from_its_beginning(frail: Processes, ada: Person) -> None:
    body = {"data": [30, 0.1]}
    call = frail.at(0, ada).post(f"{API}/call/steps", body).json()["event_id"]
    path = f"{API}/call/steps/{call}"
    with frail.at(1, ada).client.stream("GET", path) as cut:
        lines = cut.iter_lines()
        assert next(lines) == "event: generating"
        with killed(frail, 1):
            with pytest.raises(httpx.TransportError):
                list(lines)
            answer = ada.get(path).text
    pid = frail.sites[0].process.pid
    assert [f"{pid}:{number}" in answer for number in range(30)] == [True] * 30
    assert "event: complete" in answer


def test_gradio_client_hears_that_a_process_has_gone(frail: Processes, ada: Person) -> None:
    """Whether its stream came through that process or through the other one."""
    headers = {"Authorization": ada.client.headers["Authorization"]}
    more = {"verbose": False, "analytics_enabled": False, "headers": headers}
    clients = [Client(f"{ada.root}/", **more) for _ in range(6)]
    jobs = [client.submit(100, 0.1, api_name="/steps") for client in clients]
    wait_for(lambda: all(job.outputs() for job in jobs))
    pids = [int(job.outputs()[0].split(":")[0]) for job in jobs]
    with killed(frail, frail.of(pids[0])):
        errors = [job.exception(20) for job in jobs]
    for client in clients:
        client.close()
    assert all("has stopped" in str(error) for error in errors if error)
    assert all(error for error, pid in zip(errors, pids, strict=True) if pid == pids[0])


def test_a_page_that_asks_for_the_rest_of_nothing_is_told_so(frail: Processes, ada: Person) -> None:
    tab = frail.page(0, ada)
    again = Listener(frail.tab_at(1, tab), {"Last-Event-ID": "3"})
    again.join(10)
    assert again.messages[-1]["msg"] == "close_stream" and failed(again)
    assert tab.predict("count", None) == 1


def test_what_ends_with_the_stream_before_is_not_silent_on_the_next(
    frail: Processes, ada: Person
) -> None:
    tab = frail.page(0, ada)
    tab.start("steps", 300, 0.1)
    with tab.stream() as messages:
        assert any(message["msg"] == "process_generating" for message in messages)
        # Its client leaves while it begins something new.
        second = tab.start("steps", 300, 0.1)
    listener = Listener(tab)
    listener.join(15)
    assert not listener.is_alive() and not listener.error
    assert second in [message["event_id"] for message in failed(listener)]
    assert tab.predict("count", None) == 1


def test_who_waits_for_a_process_that_stands_still_is_told_when_it_counts_as_dead(
    frail: Processes, ada: Person, tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    page, busy, working = (frail.page(0, ada) for _ in range(3))
    far = frail.tab_at(1, page)
    assert far.predict("count", None) == 1
    event = busy.start("steps", 300, 0.1)
    through = Listener(frail.tab_at(1, busy))
    wait_for(lambda: through.words(event))
    answers: dict[str, httpx.Response] = {}

    def run(tab: Tab, line: str, seconds: float) -> None:
        body = {"data": [str(lines), line, seconds], "session_hash": tab.hash}
        answers[line] = tab.person.post(f"{API}/run/write", body, timeout=60)

    asking = [threading.Thread(target=run, args=(frail.tab_at(1, working), "begun", 30))]
    asking[0].start()
    wait_for(lambda: lines.exists())
    with frozen(frail.sites[0].process):
        asking.append(threading.Thread(target=run, args=(far, "asked", 0)))
        asking[1].start()
        for thread in asking:
            thread.join(DEAD)
        assert answers["begun"].status_code == 502, answers["begun"].text
        assert "Look what was done" in answers["begun"].json()["detail"]
        # On a connection that had to be made first nothing is asked, and the other does it.
        assert answers["asked"].status_code in (200, 502), answers["asked"].text
        through.join(DEAD)
        assert "does not answer" in through.messages.pop()["output"]["error"]
        again = Listener(frail.tab_at(1, busy), {"Last-Event-ID": str(len(through.messages))})
        again.join(DEAD)
        assert "has stopped" in failed(again)[0]["output"]["error"]
        assert frail.home(far) == 1
    # It knows that it was dead to the others, and does nothing of what they had asked for.
    assert frail.home(frail.tab_at(0, page)) == 1
    assert lines.read_text().split() == ["begun", *["asked"] * answers["asked"].is_success]


def test_pages_stay_where_they_are_when_redis_comes_back(
    frail: Processes, ada: Person, redis_server: str
) -> None:
    tab = frail.page(0, ada)
    assert frail.tab_at(0, tab).predict("count", None) == 1
    with Redis.from_url(redis_server) as redis:
        # What has expired while Redis was away. The other process asks before this one renews.
        redis.delete(*redis.keys("frail:process:*"), "frail:pulse")
    assert frail.tab_at(1, tab).predict("count", None) == 2
