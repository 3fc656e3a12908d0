"""Redis stands still, is restarted, goes away, or comes back with less than it was told.

All doors of two processes are asked again and again meanwhile, see `callers`; and when Redis is
back everything goes on as it was.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.attacks.people import Failed, Listener, Person, Tab
from tests.cluster import chaos
from tests.cluster.callers import check, check_refusal, everybody, origin
from tests.cluster.conftest import Processes, processes
from tests.servers import DEMO_PASSWORD, SiteFactory, wait_for


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chaos.Redis]:
    with chaos.redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, redis: chaos.Redis
) -> Iterator[Processes]:
    factory = SiteFactory(tmp_path_factory.mktemp("outage"), demo_database)
    # The second has an app that wants to be told of changes.
    more = {"EXTRA_APPS": "tests.cluster.app,tests.gradio_ui.shell"}
    with processes(factory, ("uvicorn", "daphne"), redis.url, more) as found:
        yield found


@contextmanager
def told_of_changes(site: Processes, number: int, ada: Person) -> Iterator[ClientConnection]:
    address = f"ws://127.0.0.1:{site.sites[number].port}/ws/session/?changes=1"
    headers = dict(ada.client.headers)
    headers = {"Authorization": headers["authorization"]}
    with connect(address, additional_headers=headers, open_timeout=20) as connection:
        assert json.loads(connection.recv(timeout=20))["type"] == "open"
        yield connection


def hears_of(connection: ClientConnection, change: Callable[[], object]) -> bool:
    """Of changes that are made again and again, as no message is promised to arrive."""
    for _ in range(20):
        change()
        try:
            if "keys" in json.loads(connection.recv(timeout=0.5)):
                return True
        except TimeoutError:
            continue
    return False


def set_value(ada: Person, value: str) -> None:
    answer = ada.client.patch(f"{origin(ada)}/api/session/data", json={"colour": value})
    answer.raise_for_status()


HAPPENS: dict[str, Callable[[chaos.Redis], None]] = {
    "stands still": lambda redis: redis.freeze(3),
    "is restarted": lambda redis: redis.restart(),
    # So long that the keys have expired by which the processes show that they live.
    "is away": lambda redis: redis.away(9),
}


def test_errors_are_bounded_and_clear_and_all_goes_on_as_it_was(
    site: Processes, redis: chaos.Redis, tmp_path: Path
) -> None:
    ada, lines = site.person(), tmp_path / "lines"
    pages = [site.page(number, ada) for number in (0, 1)]
    running = site.page(0, ada)
    event = running.start("steps", 300, 0.1)
    listener = Listener(site.tab_at(1, running))
    words: list[str] = []
    with told_of_changes(site, 1, ada) as connection:
        with everybody(site, ada, lines) as callers:
            for what, happens in HAPPENS.items():
                words.append(what)
                set_value(site.at(0, ada), what)
                for number, page in enumerate(pages):
                    assert site.tab_at(number, page).predict("note", what) == words
                    assert page.predict("count", None) == len(words)
                happens(redis)
                back = time.monotonic()
                wait_for(
                    lambda: all(caller.is_fine_since(back) for caller in callers),  # noqa: B023
                    2 * chaos.RECOVERY,
                    f"{what}: {[caller.answers[-1] for caller in callers]}",
                )
                # Pages are where they were, with all that was in them.
                assert [site.home(site.tab_at(1 - n, page)) for n, page in enumerate(pages)] == [
                    0,
                    1,
                ]
                found = site.at(1, ada).client.get(f"{site.sites[1].url}/api/session/data")
                assert found.json()["colour"] == what
        for caller in callers:
            check(caller, lines)
        # And the processes hear of each other again.
        values = iter(range(100))
        assert hears_of(connection, lambda: set_value(site.at(0, ada), str(next(values))))
    # What ran all the time did not notice, nor did who listens to it.
    assert listener.is_alive() or listener.completed(event), listener.error
    numbers = [int(word.split(":")[1]) for word in listener.words(event)]
    assert len(numbers) > 50 and numbers == list(range(len(numbers)))
    assert all(message.get("success", True) for message in listener.messages)


def test_an_open_page_waits_for_redis_and_goes_on(
    site: Processes, redis: chaos.Redis, browser: Browser
) -> None:
    context = browser.new_context()
    body = {"username": "ada", "password": DEMO_PASSWORD}
    assert context.request.post(f"{site.url}/api/auth/login", data=body).ok
    pages = [context.new_page() for _ in site.sites]
    for page, one in zip(pages, site.sites, strict=True):
        page.goto(f"{one.url}/gradio/notes/")
        expect(page.get_by_label("Items")).to_be_visible(timeout=20_000)
        page.evaluate("window.sameDocument = true")
    page, other = pages
    status = page.locator("gradio-session-bar").get_by_role("status")
    redis.stop()
    try:
        page.get_by_label("Item", exact=True).fill("meanwhile")
        page.get_by_role("button", name="Add").click()
        expect(status).to_have_text("Reconnecting…", timeout=15_000)
        # Who wants to sign in is told, not counted as somebody who failed.
        answer = httpx.post(f"{site.url}/api/auth/login", json=body, timeout=chaos.REFUSED)
        check_refusal(answer, answer.text)
    finally:
        redis.start()
    expect(status).to_have_text("", timeout=20_000)
    expect(page.get_by_label("Item", exact=True)).to_have_value("", timeout=20_000)
    # The process of the other page may have missed to hear of it, and knows that.
    expect(other.get_by_label("Items")).to_have_value("meanwhile", timeout=20_000)
    assert all(page.evaluate("window.sameDocument") for page in pages)
    context.close()


def test_a_page_stays_where_it_is_though_redis_has_lost_the_last_it_was_told(
    site: Processes, redis: chaos.Redis, tmp_path: Path
) -> None:
    ada = site.person()
    old = site.page(0, ada)
    redis.stop()
    kept = redis.directory / "appendonlydir"
    shutil.copytree(kept, tmp_path / "kept")
    redis.start()
    wait_for(lambda: ada.get("/config").status_code == 200)
    new = Tab(ada)
    wait_for(lambda: site.tab_at(0, new).join("count", None).status_code == 200)
    redis.stop()
    shutil.rmtree(kept)
    shutil.copytree(tmp_path / "kept", kept)
    redis.start()
    # A process that has never heard of the page asks before the one that has it can say so.
    answer = site.tab_at(1, new).join("process")
    assert answer.status_code in (200, 503), answer.text
    wait_for(lambda: ada.get("/config").status_code == 200)
    assert site.home(site.tab_at(1, new)) == 0
    assert site.home(site.tab_at(1, old)) == 0


def test_who_was_signed_in_signs_in_again_when_redis_has_lost_everything(
    site: Processes, redis: chaos.Redis
) -> None:
    ada = site.person()
    page = site.page(0, ada)
    assert page.predict("count", None) == 1
    event = page.start("steps", 300, 0.1)
    listener = Listener(site.tab_at(1, page))
    wait_for(lambda: listener.words(event))
    with told_of_changes(site, 1, ada) as connection:
        redis.stop()
        shutil.rmtree(redis.directory / "appendonlydir")
        redis.start()
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                connection.recv(timeout=20)
        assert closed.value.rcvd and closed.value.rcvd.code == 4401
    wait_for(lambda: listener.completed(event))
    said = [m["output"] for m in listener.messages if m["msg"] == "process_completed"]
    assert [output["error"] for output in said] == ["You have been signed out."]
    for number in (0, 1):
        answer = site.tab_at(number, page).join("count", None)
        assert answer.status_code == 401 and answer.json()["detail"], answer.text
        there = site.at(number, ada)
        sent = there.get("/", headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"})
        assert sent.status_code == 302 and "/accounts/login/" in sent.headers["Location"]
    # Nothing of theirs is left, and who signs in begins anew.
    again = Tab(site.person())
    assert site.tab_at(0, again).predict("count", None) == 1
    assert site.tab_at(1, again).predict("note", "new") == ["new"]
    bob = site.tab_at(1, Tab(site.person("bob"), page.hash))

    def has_a_page_of_his_own() -> bool:
        try:
            return bob.predict("count", None) == 1
        except Failed as refused:
            # As long as anything of hers is open.
            assert "another session" in str(refused)
            return False

    wait_for(has_a_page_of_his_own)
