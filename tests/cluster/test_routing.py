"""Whichever process a request reaches, it is answered by the one that has the page."""

import json

import pytest

from tests.attacks.people import API, Listener, Person, Tab
from tests.cluster.conftest import Processes
from tests.servers import wait_for

MCP = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def ada(cluster: Processes) -> Person:
    return cluster.person()


def test_a_page_has_one_state(ada: Person) -> None:
    tab = Tab(ada)
    assert [tab.predict("count", None) for _ in range(7)] == [1, 2, 3, 4, 5, 6, 7]
    assert [tab.run("count", None) for _ in range(4)] == [8, 9, 10, 11]


def test_pages_are_spread(cluster: Processes, ada: Person) -> None:
    assert {cluster.home(Tab(ada)) for _ in range(6)} == {0, 1, 2}


# daphne to uvicorn, uvicorn to daphne, uvicorn to uvicorn.
@pytest.fixture(params=[(0, 1), (1, 0), (1, 2)], ids=str)
def apart(request: pytest.FixtureRequest, cluster: Processes, ada: Person) -> tuple[Tab, Tab, int]:
    """A page as its own process sees it, and as another does; the id of its process."""
    other, own = request.param
    tab = cluster.page(own, ada)
    pid = cluster.sites[own].process.pid
    return cluster.tab_at(own, tab), cluster.tab_at(other, tab), pid


def test_events(apart: tuple[Tab, Tab, int]) -> None:
    own, other, pid = apart
    assert other.predict("process") == pid
    assert other.run("process") == pid
    event = other.start("steps", 5, 0.01)
    listener = Listener(own)
    wait_for(lambda: listener.completed(event))
    assert listener.words(event) == [f"{pid}:{number}" for number in range(5)]


def test_calls(apart: tuple[Tab, Tab, int]) -> None:
    own, other, pid = apart
    for path, body in (
        ("call/process", {"data": [], "session_hash": own.hash}),
        ("call/process", {"data": []}),
        ("call/v2/process", {}),
    ):
        event = own.person.post(f"{API}/{path}", body).json()["event_id"]
        answer = other.person.get(f"{API}/{path}/{event}")
        assert answer.text.startswith("event: complete"), answer.text
        assert json.loads(answer.text.split("data: ")[1]) == [pid]


def test_what_stops_an_event(apart: tuple[Tab, Tab, int]) -> None:
    own, other, _ = apart
    event = own.start("steps", 1000, 0.05)
    listener = Listener(own)
    wait_for(lambda: listener.words(event))
    assert other.person.post(f"{API}/stream/{event}/close").json() == {"msg": "success"}
    assert other.person.post(f"{API}/reset", {"event_id": event}).json() == {"success": True}
    named = {"session_hash": own.hash, "event_id": event, "fn_index": own.person.fn("steps")}
    assert other.person.post(f"{API}/cancel", named).json() == {"success": True}
    wait_for(lambda: listener.completed(event))


def test_components_and_links(apart: tuple[Tab, Tab, int]) -> None:
    own, other, pid = apart
    component = own.person.component("html")
    assert other.person.serve(component, "ask", "x", own.hash).json() == f"{pid} x"
    form = {"component_id": component, "fn_name": "take", "session_hash": own.hash, "word": "y"}
    answer = other.person.client.post(
        f"{API}/component_server", data=form, files={"file": ("a.bin", bytes(500_000))}
    )
    assert answer.json() == f"{pid} y"
    link = other.person.get(f"{API}/deep_link", params={"session_hash": own.hash}).json()
    assert link


def test_files(apart: tuple[Tab, Tab, int]) -> None:
    own, other, _ = apart
    query = f"?upload_id={own.hash}"
    path = other.person.upload(bytes(100_000), "zeros.bin", query)
    progress = own.person.get(f"{API}/upload_progress{query}")
    assert '"done"' in progress.text
    assert own.person.get(f"{API}/file={path}").content == bytes(100_000)
    assert own.predict("size", {"path": path, "meta": {"_type": "gradio.FileData"}}) == 100_000


def test_heartbeats(apart: tuple[Tab, Tab, int]) -> None:
    own, other, _ = apart
    with other.person.client.stream("GET", f"{API}/heartbeat/{own.hash}") as answer:
        assert next(answer.iter_lines()) == "data: ALIVE"


def test_mcp(apart: tuple[Tab, Tab, int]) -> None:
    _, other, _ = apart
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = other.person.post(f"{API}/mcp/", body, headers=MCP)
    assert '"name":"process"' in answer.text, answer.text


def test_a_request_has_one_id_in_both_processes(
    cluster: Processes, apart: tuple[Tab, Tab, int]
) -> None:
    _, other, pid = apart
    answer = other.person.post(
        f"{API}/run/process",
        {"data": [], "session_hash": other.hash},
        headers={"X-Request-ID": f"across-{other.hash}"},
    )
    assert answer.json()["data"] == [pid]
    assert answer.headers.get_list("X-Request-ID") == [f"across-{other.hash}"]

    def lines() -> list[dict[str, object]]:
        return [
            json.loads(line)
            for site in cluster.sites
            for line in site.log.splitlines()
            if f"across-{other.hash}" in line
        ]

    wait_for(lambda: len(lines()) == 2)
    assert sorted("handed_to" in line for line in lines()) == [False, True]


def test_who_may_not_is_refused_wherever_they_ask(
    cluster: Processes, apart: tuple[Tab, Tab, int]
) -> None:
    own, other, _ = apart
    root = other.person.root
    nobody = Tab(Person("nobody", root), own.hash, fns=own.person.fn)
    bob = Person("bob", root, headers=dict(cluster.person("bob").client.headers))
    thief = Tab(bob, own.hash, fns=own.person.fn)
    assert nobody.join("count", None).status_code == 401
    assert thief.join("count", None).status_code == 403
    # From now on that process remembers who has the page, and leaves it to them.
    assert other.predict("count", None) == 1
    for tab, status in ((nobody, 401), (thief, 403)):
        assert tab.join("count", None).status_code == status
        stream = tab.person.get(f"{API}/queue/data?session_hash={own.hash}")
        assert stream.status_code == status
    assert own.predict("count", None) == 2


def test_nobody_is_told_what_is_wrong_before_they_are_admitted(apart: tuple[Tab, Tab, int]) -> None:
    own, other, _ = apart
    other.predict("process")
    nobody = Person("nobody", other.person.root)
    path = f"{API}/queue/join"
    for body in (b"{", b'{"session_hash": 1}', b"{}" + b" " * 5_000_000):
        answer = nobody.client.post(path, content=body)
        assert answer.status_code == 401, answer.text
        answer = other.person.client.post(path, content=body)
        assert answer.status_code in (400, 413, 422), answer.text
    # What is too large to be looked at before is handed over after.
    large = own.person.fn("tell")
    assert other.predict(large, "x" * 100_000) == "x" * 100_000


def test_both_lines_in_the_log_say_who_it_was(
    cluster: Processes, apart: tuple[Tab, Tab, int]
) -> None:
    own, other, _ = apart
    other.predict("process")
    name = f"who-{own.hash}"
    body = {"data": [], "session_hash": own.hash}
    other.person.post(f"{API}/run/process", body, headers={"X-Request-ID": name})

    def lines() -> list[dict[str, object]]:
        found = [line for site in cluster.sites for line in site.log.splitlines() if name in line]
        return [json.loads(line) for line in found]

    first, second = wait_for(lambda: len(lines()) == 2 and lines())
    assert first["user_id"] == second["user_id"] and first["session"] == second["session"]
