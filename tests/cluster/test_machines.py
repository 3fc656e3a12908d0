"""Processes on machines of their own, with Redis on another one and sessions in PostgreSQL; and
what becomes of the site when some of them do not reach each other, or Redis."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.attacks.people import API, Failed, Listener, Person, Tab
from tests.cluster import chaos
from tests.cluster.callers import check, check_refusal, everybody
from tests.cluster.conftest import Processes, processes
from tests.cluster.load import loaded
from tests.cluster.network import Machine, machines, split
from tests.cluster.test_load import PEOPLE, SERVERS, check_nothing_fails
from tests.servers import GRACE, Postgres, SiteFactory, manage, project_env, wait_for

# Seconds that a request waits for a process that does not answer.
PATIENCE = 4.0
# Within which its client knows: a question may have been on its way when the waiting began.
TOLD = 3 * PATIENCE + GRACE
# Of a key by which a process shows that it lives, until others look again.
DEAD = 8.0 + 12


@dataclass
class Apart:
    """A site of three processes, each on a machine of its own."""

    site: Processes
    places: list[Machine]
    redis: chaos.Redis
    # The machine of Redis.
    store: Machine


@pytest.fixture(scope="module")
def apart(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, postgres_server: Postgres
) -> Iterator[Apart]:
    directory = tmp_path_factory.mktemp("machines")
    postgres_server.new_database("machines")
    more = {
        "DATABASE_URL": postgres_server.socket_url("machines"),
        "SESSIONSTATE_BACKEND": "db",
        "GRADIO_UI_CLUSTER_PATIENCE": str(PATIENCE),
        # A process that waits for Redis has to answer before.
        "SESSIONSTATE_STORE_TIMEOUT": "1",
    }
    for command in (["migrate", "-v", "0"], ["demo_users"]):
        done = manage(*command, env=project_env(directory, **more))
        assert done.returncode == 0, done.stderr
    with ExitStack() as stack:
        _, (*places, store) = stack.enter_context(machines(4))
        redis = stack.enter_context(chaos.redis(directory / "redis", store))
        factory = SiteFactory(directory, demo_database)
        site = stack.enter_context(processes(factory, SERVERS, redis.url, more, places))
        yield Apart(site, places, redis, store)


@pytest.fixture(scope="module")
def ada(apart: Apart) -> Person:
    return apart.site.person()


class Asking:
    """Somebody who asks while others do other things, and how long it took."""

    def __init__(self, pool: ThreadPoolExecutor, tab: Tab, path: str, body: Any) -> None:
        self._began = time.monotonic()
        self.seconds = 0.0
        self._answer: Future[httpx.Response] = pool.submit(self._ask, tab, path, body)

    def _ask(self, tab: Tab, path: str, body: Any) -> httpx.Response:
        with tab.person.new_client() as client:
            answer = client.post(f"{API}/{path}", json=body, timeout=60)
        self.seconds = time.monotonic() - self._began
        return answer

    @property
    def answer(self) -> httpx.Response:
        return self._answer.result(60)


def test_nobody_notices_that_the_processes_are_on_several_machines(
    apart: Apart, tmp_path: Path
) -> None:
    site = apart.site
    assert all(place.host in one.url for place, one in zip(apart.places, site.sites, strict=True))
    with loaded(site, PEOPLE, tmp_path) as load:
        check_nothing_fails(load, 100)


def test_who_asks_by_way_of_a_process_that_is_cut_off_is_told_so(
    apart: Apart, ada: Person, tmp_path: Path
) -> None:
    """Between two machines everything is lost; Redis, nginx and the third one reach both."""
    site, lines = apart.site, tmp_path / "lines"
    page, busy, working = (site.page(0, ada) for _ in range(3))
    bystander = site.page(2, ada)
    # The second process knows who has them, and has connections to it that are idle.
    far = site.tab_at(1, page)
    assert far.predict("count", None) == 1
    event = busy.start("steps", 250, 0.1)
    through = Listener(site.tab_at(1, busy))
    wait_for(lambda: len(through.words(event)) > 2)
    write = {"data": [str(lines), "working", 6 * PATIENCE], "session_hash": working.hash}
    with ThreadPoolExecutor() as pool:
        run = Asking(pool, site.tab_at(1, working), "run/write", write)
        wait_for(lambda: lines.exists())
        with split(*apart.places[:2]):
            write = {"data": [str(lines), "asked", 0], "session_hash": page.hash}
            asked = [Asking(pool, far, "run/write", write) for _ in range(3)]
            # Meanwhile the others, and who comes another way, are served as ever.
            assert site.tab_at(2, page).predict("count", None) == 2
            assert site.tab_at(0, page).predict("count", None) == 3
            for number in (0, 1, 2):
                assert site.tab_at(number, bystander).predict("process")
            assert site.home(Tab(site.at(1, ada), fns=ada.fn)) == 1
            for each in asked:
                answer = each.answer
                assert answer.status_code in (502, 503) and each.seconds < TOLD, answer.text
                assert "does not answer" in answer.json()["detail"]
            # What had begun is not said to have ended.
            assert run.answer.status_code == 502 and "Retry-After" not in run.answer.headers
            assert "does not answer" in run.answer.json()["detail"] and run.seconds < TOLD
            # Who opens a stream again by another way misses nothing.
            through.join(TOLD)
            assert not through.is_alive()
            assert "does not answer" in through.messages.pop()["output"]["error"]
            again = Listener(site.tab_at(2, busy), {"Last-Event-ID": str(len(through.messages))})
            wait_for(lambda: again.messages)
            again.messages = [*through.messages, *again.messages]
            assert site.tab_at(2, busy).run("process") == site.sites[0].process.pid
        # And then everything is as before.
        assert wait_for(lambda: _told(far), TOLD) >= 4
        wait_for(lambda: again.completed(event), 40)
    words = [int(word.split(":")[1]) for word in again.words(event)]
    assert words == list(range(250))
    done = lines.read_text().split()
    assert done.count("working") == 1
    # Where it is not said that nothing was done, it was done once at the most.
    assert done.count("asked") <= sum(each.answer.status_code == 502 for each in asked)


def _told(tab: Tab) -> Any:
    try:
        return tab.predict("count", None)
    except Failed:
        return None


def test_what_a_process_has_that_has_lost_redis_is_taken_over(apart: Apart, ada: Person) -> None:
    """The others, nginx and the database reach it as before."""
    site = apart.site
    page, busy = site.page(0, ada), site.page(0, ada)
    bystander = site.page(1, ada)
    assert page.predict("note", "before") == ["before"]
    event = busy.start("steps", 400, 0.1)
    through = Listener(site.tab_at(1, busy))
    wait_for(lambda: len(through.words(event)) > 2)

    def is_elsewhere() -> bool:
        assert site.tab_at(2, bystander).predict("process") == site.sites[1].process.pid
        try:
            # Each of them may still be waiting for an answer from there.
            return all(site.home(site.tab_at(way, page)) != 0 for way in (1, 2))
        except Failed as refused:
            assert "try again" in str(refused)
            return False

    with split(apart.places[0], apart.store):
        wait_for(is_elsewhere, DEAD)
        assert site.tab_at(1, page).predict("note", "meanwhile") == ["before", "meanwhile"]
        # Who comes to that process is told so, soon.
        for tab in (site.tab_at(0, page), Tab(site.at(0, ada), fns=ada.fn)):
            began = time.monotonic()
            answer = tab.join("process")
            assert time.monotonic() - began < chaos.REFUSED
            check_refusal(answer, answer.text)
        # What ran there has failed for the others.
        through.join(DEAD)
        assert "does not answer" in through.messages.pop()["output"]["error"]
        again = Listener(site.tab_at(2, busy), {"Last-Event-ID": str(len(through.messages))})
        again.join(TOLD)
        told = [message["output"]["error"] for message in again.messages if "output" in message]
        assert told and all("has stopped" in error for error in told)
        assert site.home(site.tab_at(2, busy)) != 0
    # It knows that others may have them now.
    wait_for(lambda: _told(site.tab_at(0, page)), chaos.RECOVERY + TOLD)
    assert site.tab_at(0, page).predict("note", "after") == ["before", "meanwhile", "after"]
    assert site.home(site.tab_at(0, page)) == site.home(site.tab_at(2, page)) != 0
    assert site.home(Tab(site.at(0, ada), fns=ada.fn)) == 0


def test_sessions_in_the_database_end_though_redis_is_away(
    apart: Apart, ada: Person, tmp_path: Path
) -> None:
    site, lines = apart.site, tmp_path / "lines"
    pages = [site.page(number, ada) for number in (0, 1)]
    own = [site.tab_at(number, page) for number, page in enumerate(pages)]
    assert [page.predict("count", None) for page in own] == [1, 1]
    bob, lost = site.person("bob"), site.person("bob")
    running, idle = site.page(1, lost), site.page(2, lost)
    event = running.start("steps", 400, 0.1)
    listener = Listener(site.tab_at(2, running))
    wait_for(lambda: len(listener.words(event)) > 2)
    with everybody(site, ada, lines) as callers:
        apart.redis.stop()
        try:
            ended = site.at(0, bob).client.delete(
                f"{site.sites[0].url}/api/sessions", timeout=chaos.REFUSED
            )
            assert ended.json()["ended"] >= 1, ended.text
            for number, one in enumerate(site.sites):
                there = site.at(number, lost).client
                assert there.get(f"{one.url}/api/auth/me").status_code == 401
                assert site.tab_at(number, running).join("count", None).status_code == 401
                assert site.tab_at(number, idle).join("count", None).status_code == 401
        finally:
            apart.redis.start()
        back = time.monotonic()
        wait_for(
            lambda: all(caller.is_fine_since(back) for caller in callers),
            2 * chaos.RECOVERY,
            f"{[caller.answers[-1] for caller in callers]}",
        )
        assert [site.home(site.tab_at(1 - n, page)) for n, page in enumerate(pages)] == [0, 1]
        # What nobody could hear of is noticed.
        wait_for(lambda: listener.completed(event))
        assert not listener.messages[-2]["success"]
    for caller in callers:
        check(caller, lines)
    assert [page.predict("count", None) for page in own] == [2, 2]
