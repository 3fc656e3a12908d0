"""Limits of a user, and turns in the queue, where requests go to several processes."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.attacks.people import API, Listener, Person, Tab, new_hash
from tests.browser import browser
from tests.cluster.conftest import Processes, processes
from tests.servers import DEMO_PASSWORD, Site, SiteFactory, wait_for

__all__ = ["browser"]

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, redis_server: str
) -> Iterator[Processes]:
    factory = SiteFactory(tmp_path_factory.mktemp("limited"), demo_database)
    more = {
        "EXTRA_APPS": "tests.cluster.limited",
        "GRADIO_UI_CLUSTER_PREFIX": "limited",
        "GRADIO_UI_MAX_EVENTS": "10",
        "GRADIO_UI_MAX_STREAMS": "12",
    }
    with processes(factory, ("uvicorn", "daphne"), redis_server, more) as found:
        yield found


People = Callable[..., list[Person]]


@pytest.fixture
def people(pair: Processes) -> Iterator[People]:
    """A login of somebody, as it speaks to each of the processes."""
    made: list[Person] = []

    def log_in(name: str, slug: str = "limited") -> list[Person]:
        headers = pair.sites[0].sign_in(name)
        found = [Person(name, f"{site.url}/gradio/{slug}", headers=headers) for site in pair.sites]
        made.extend(found)
        return found

    yield log_in
    for person in made:
        person.close()


@pytest.fixture
def shift(pair: Processes, people: People) -> Iterator[Callable[[float], None]]:
    """Moves the clocks of both processes."""
    clocks, moved = people("admin"), [0.0]

    def move(seconds: float) -> None:
        moved[0] += seconds
        for person in clocks:
            assert Tab(person).predict("shift", seconds) == pytest.approx(moved[0])

    yield move
    move(-moved[0])


def tool(person: Person, name: str, word: str) -> str:
    call = {"name": name, "arguments": {"word": word}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    accept = {"Accept": "application/json, text/event-stream"}
    answer = person.post(f"{API}/mcp/", body, headers=accept).raise_for_status()
    return answer.text


def result(person: Person, path: str, started: httpx.Response) -> httpx.Response:
    if started.status_code != 200:
        return started
    return person.get(f"{path}/{started.json()['event_id']}")


def join(person: Person, fn: str, word: str) -> httpx.Response:
    tab = Tab(person)
    answer = tab.join(fn, word)
    return person.get(f"{API}/queue/data?session_hash={tab.hash}") if answer.is_success else answer


def call(person: Person, fn: str, word: str) -> httpx.Response:
    path = f"{API}/call/{fn}"
    return result(person, path, person.post(path, {"data": [word]}))


def call_v2(person: Person, fn: str, word: str) -> httpx.Response:
    path = f"{API}/call/v2/{fn}"
    return result(person, path, person.post(path, {"word": word}))


def run(person: Person, fn: str, word: str) -> httpx.Response:
    return person.post(f"{API}/run/{fn}", {"data": [word], "session_hash": new_hash()})


def run_by_number(person: Person, fn: str, word: str) -> httpx.Response:
    return person.post(f"{API}/run/predict", {"data": [word], "fn_index": person.fn(fn)})


DOORS = (join, call, call_v2, run, run_by_number)


def refused(answer: httpx.Response, sentence: str = "Too many calls. Please try again in") -> None:
    assert answer.status_code == 429, answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert sentence in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0


def test_twenty_calls_in_a_minute_are_twenty_at_all_processes_through_every_door(
    people: People, shift: Callable[[float], None]
) -> None:
    # Two logins of the same person, each at both processes.
    places = [*people("ada"), *people("ada")]
    for number in range(20):
        person = places[number % 4]
        door = [*DOORS, tool][number % 6]
        found = door(person, "ask", f"word{number}")
        assert f"word{number} asked" in (found if isinstance(found, str) else found.text)
    for person in places:
        for door in DOORS:
            refused(door(person, "ask", "more"))
        answer = tool(person, "ask", "more")
        assert '"isError":true' in answer and "Too many calls. Please try again in" in answer
    answer = run(places[0], "ask", "more")
    wait = int(answer.headers["retry-after"])
    assert 0 < wait <= 60 and f" {wait} second" in answer.json()["detail"]
    assert answer.headers["ratelimit"] == f'"20/60s";r=0;t={wait}'
    # In the language of who asks.
    german = (
        places[0]
        .post(f"{API}/run/ask", {"data": ["more"]}, headers={"Accept-Language": "de"})
        .json()
    )
    assert german["title"] == "Zu viele Anfragen"
    assert german["detail"].startswith("Zu viele Aufrufe. Bitte versuchen Sie es in ")
    # Others are others, and so are other functions; what was refused does not count.
    (bob, _) = people("bob")
    assert "yes asked" in run(bob, "ask", "yes").text
    assert "yes plain" in run(places[0], "plain", "yes").text
    shift(61)
    assert "again asked" in run(places[1], "ask", "again").text
    assert "again asked" in tool(places[2], "ask", "again")


@pytest.mark.parametrize("fn", ["plain", "coroutine", "generator", "async_generator"])
def test_each_kind_of_function_is_counted_once_a_call(people: People, fn: str) -> None:
    here, there = people("bob")
    for person in (here, there):
        assert f"yes {fn}" in join(person, fn, "yes").text.replace('"append",[],"', "yes ")
    for person in (here, there):
        refused(join(person, fn, "no"))
        refused(call(person, fn, "no"))


@pytest.mark.parametrize(("fn", "inside"), [("calls_it", "inner"), ("calls_async", "async_inner")])
def test_a_function_that_another_one_calls_is_counted_too(
    people: People, fn: str, inside: str
) -> None:
    here, there = people("bob")
    assert f"one {inside}" in join(here, fn, "one").text
    assert f"two {inside}" in run(there, inside, "two").text
    assert f"three {inside}" in join(there, fn, "three").text
    stream = join(here, fn, "four").text
    assert "Too many calls. Please try again in" in stream and "four" not in stream
    refused(run(there, inside, "four"))


def test_each_call_that_a_function_makes_is_one(people: People) -> None:
    here, there = people("ada")
    assert "two innertwo inner" in join(here, "calls_twice", "two").text
    # The second of these would be the fourth.
    assert "Too many calls" in join(there, "calls_twice", "three").text


def test_a_function_of_a_component_is_counted(people: People) -> None:
    places = people("bob")
    tabs = [Tab(person) for person in places]
    html = places[0].component("html")
    for person, tab in zip(places, tabs, strict=True):
        assert person.serve(html, "helper", "x", tab.hash).json() == "helped"
    for person, tab in zip(places, tabs, strict=True):
        refused(person.serve(html, "helper", "x", tab.hash))


def test_of_several_rates_each_holds(people: People, shift: Callable[[float], None]) -> None:
    here, there = people("admin")  # who is a superuser, and counted like anybody
    assert run(here, "rare", "x").is_success and run(there, "rare", "x").is_success
    refused(run(here, "rare", "x"), "second")
    shift(61)
    assert run(there, "rare", "x").is_success
    refused(run(here, "rare", "x"), " minutes.")


def test_an_app_has_a_limit_of_its_own_and_visitors_are_counted_one_by_one(
    pair: Processes,
) -> None:
    def visitor() -> list[Person]:
        url = f"{pair.sites[0].url}/api/auth/visit"
        token = httpx.post(url).raise_for_status().json()["access"]
        headers = {"Authorization": f"Bearer {token}"}
        return [Person("", f"{site.url}/gradio/open", headers=headers) for site in pair.sites]

    one, other = visitor(), visitor()
    for number in range(3):
        assert run(one[number % 2], "echo", "x").is_success
    for person in one:
        refused(run(person, "echo", "x"), " minutes.")
    assert run(other[0], "echo", "x").is_success
    for person in (*one, *other):
        person.close()


def test_calls_at_a_time_are_counted_over_all_processes(people: People, tmp_path: Path) -> None:
    (here, there), (bob, _), path = people("ada"), people("bob"), str(tmp_path / "go")
    tabs = [Tab(here), Tab(there)]
    for tab in tabs:
        tab.start("hold", path, 60)
    for person in (here, there):
        refused(Tab(person).join("hold", path, 60), "You have 2 of these running already.")
        refused(person.post(f"{API}/run/hold", {"data": [path, 60]}), "You have 2 of these")
    assert Tab(bob).start("hold", path, 60)
    Path(path).touch()
    # As soon as it hears of the end, wherever it goes on.
    for tab in tabs:
        listener = Listener(tab)
        listener.join(10)
        assert not listener.is_alive()
    for number in range(6):
        assert Tab([here, there][number % 2]).predict("hold", path, 60) == path
    again = tmp_path / "again"
    tabs = [Tab(there), Tab(there)]
    for tab in tabs:
        tab.start("hold", str(again), 60)
    listeners = [Listener(tab) for tab in tabs]
    again.touch()
    for listener in listeners:
        listener.join(10)
    assert all(Tab(here).join("hold", str(again), 0).is_success for _ in range(2))


def test_events_and_connections_are_limited_over_all_processes(
    people: People, tmp_path: Path
) -> None:
    places, (bob, _) = people("ada"), people("bob")
    tabs = [Tab(places[number % 2]) for number in range(12)]
    answers = [tab.join("wait", 5) for tab in tabs]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    refused(answers[-1], "too many events")
    assert Tab(bob).start("wait", 0)
    clients = [places[number % 2].new_client() for number in range(14)]
    try:
        statuses = []
        for client in clients:
            url = f"{API}/heartbeat/{new_hash()}"
            answer = client.send(client.build_request("GET", url), stream=True)
            statuses.append(answer.status_code)
        assert statuses == [200] * 12 + [429] * 2
    finally:
        for client in clients:
            client.close()
    wait_for(lambda: Tab(places[0]).join("wait", 0).is_success)


def test_what_a_killed_process_had_counts_no_more(
    pair: Processes, people: People, tmp_path: Path
) -> None:
    (here, there), path = people("ada"), str(tmp_path / "never")
    for _ in range(2):
        Tab(there).start("hold", path, 300)
    refused(Tab(here).join("hold", path, 300), "You have 2 of these")
    Tab(here).start("wait", 20)
    for _ in range(7):
        Tab(there).start("wait", 300)
    refused(Tab(there).join("wait", 0), "too many events")
    refused(Tab(here).join("wait", 0), "too many events")
    pair.kill(1)
    try:
        # As soon as its key has expired.
        wait_for(lambda: Tab(here).join("hold", path, 1).is_success, 20)
        assert Tab(here).predict("wait", 0) == 0
    finally:
        pair.restart(1)


def test_users_take_turns_in_the_queue_and_are_told_their_place(
    people: People, tmp_path: Path
) -> None:
    (ada, _), (bob, _), (admin, _) = people("ada"), people("bob"), people("admin")
    path = str(tmp_path / "order")
    page = Tab(ada)
    events = [page.start("note", path, f"ada{number}") for number in range(9)]
    listener = Listener(page)
    guests = {name: Tab(person) for name, person in (("bob", bob), ("admin", admin))}
    for name, tab in guests.items():
        for number in range(2):
            tab.start("note", path, f"{name}{number}")
    heard = {name: Listener(tab) for name, tab in guests.items()}
    for each in (listener, *heard.values()):
        each.join(20)
        assert not each.is_alive()
    order = Path(path).read_text().split()
    assert sorted(order) == sorted(
        [*(f"ada{n}" for n in range(9)), *("bob0", "bob1")] + [*("admin0", "admin1")]
    )
    # Each has their first event before anybody has one more than began while they came.
    first = {name: order.index(f"{name}0") for name in guests}
    since = [word for word in order[min(first.values()) :] if not word.startswith("ada")]
    assert since == ["bob0", "admin0", "bob1", "admin1"]
    assert max(first.values()) <= 6 and order[-1] == "ada8"
    for name in guests:
        assert order[first[name] + 1 :].index(f"{name}1") <= 2
    # What the last one was told: later by each that overtook it, sooner by each that was served.
    ranks = [
        message["rank"]
        for message in listener.messages
        if message["msg"] == "estimation" and message["event_id"] == events[-1]
    ]
    assert ranks[-1] == 0
    assert any(later > sooner for sooner, later in zip(ranks, ranks[1:], strict=False))
    for name, each in heard.items():
        told = [m["rank"] for m in each.messages if m["msg"] == "estimation"]
        assert told and max(told) < 9, (name, json.dumps(told))


def test_the_page_says_when_to_try_again(pair: Processes, browser: Browser) -> None:
    site = pair.sites[0]
    with browser.new_context(locale="de-DE") as context:
        page = context.new_page()
        body = {"username": "admin", "password": DEMO_PASSWORD}
        assert page.request.post(f"{site.url}/api/auth/login", data=body).ok
        page.goto(f"{site.url}/gradio/limited/")
        for word in ("good", "hello"):
            page.get_by_label("Word").fill(word)
            page.get_by_role("button", name="coroutine", exact=True).click()
            expect(page.get_by_label("Answer")).to_have_value(f"{word} coroutine")
        page.get_by_role("button", name="coroutine", exact=True).click()
        told = page.get_by_text(re.compile(r"Zu viele Aufrufe\. .* in \d+ Sekunden? erneut\."))
        expect(told.first).to_be_visible()
        # The page stays as it is, and what is not limited works.
        expect(page.get_by_label("Word")).to_have_value("hello")
        page.get_by_role("button", name="calls_it", exact=True).click()
        expect(page.get_by_label("Answer")).to_have_value("hello inner")


def test_a_site_of_one_process_counts_by_itself(site: Site) -> None:
    headers = site.sign_in("ada")
    person = Person("ada", f"{site.url}/gradio/limited", headers=headers)
    other = Person("ada", f"{site.url}/gradio/limited", headers=site.sign_in("ada"))
    assert run(person, "plain", "x").is_success and join(other, "plain", "x").is_success
    for door in DOORS:
        refused(door(person, "plain", "x"))
    person.close()
    other.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, demo_database: Path) -> Iterator[Site]:
    factory = SiteFactory(tmp_path_factory.mktemp("alone"), demo_database)
    yield factory("uvicorn", env={"EXTRA_APPS": "tests.cluster.limited"})
    factory.close()
