"""What one login made, no other reaches: in one process and over two."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from gradio_ui import event_ids
from gradio_ui.names import Names
from gradio_ui.ownership import Owner, Pages, TooMany
from tests.gradio_ui.people import API, Person, refused
from tests.servers import Site, SiteFactory


@pytest.fixture
def page(ada: Person) -> str:
    """A page of ada's with a word in its state."""
    page = uuid4().hex[:12]
    assert ada.call(page, "keep", "first", None)[1] == ["first"]
    return page


def test_nobody_else_reaches_a_page(ada: Person, bob: Person, page: str) -> None:
    keep = {"data": ["bad", None], "fn_index": bob.functions["keep"]}
    refused(bob.join(page, "keep", "bad", None))
    refused(bob.data(page))
    for path in ("run/keep", "api/keep", "run/keep/", "call/keep"):
        refused(bob.post(path, **keep, session_hash=page))
    refused(bob.get(f"heartbeat/{page}"))
    refused(bob.get("deep_link", session_hash=page))
    refused(bob.post("cancel", session_hash=page, fn_index=keep["fn_index"], event_id="x"))
    refused(bob.get(f"stream/{page}/run/1/playlist.m3u8"))
    refused(bob.get(f"stream/{page}/run/1/playlist-file"))
    refused(bob.get(f"stream/{page}/run/1/x.ts"))
    server = {"component_id": 1, "fn_name": "ls", "data": []}
    refused(bob.post("component_server", **server, session_hash=page))
    refused(bob.post("component_server/", **server, session_hash=page))
    assert ada.call(page, "keep", "second", None)[1] == ["first", "second"]


def test_a_request_names_no_more_than_a_few_pages(bob: Person) -> None:
    """Each would be looked up, and become a page of his, past the number that he may have."""
    for key, path in (("session_hash", "queue/data"), ("upload_id", "upload_progress")):
        names = [f"{key}={uuid4().hex[:12]}" for _ in range(300)]
        answer = bob.client.get(f"{API}/{path}?{'&'.join(names)}")
        assert answer.status_code == 400
        assert key in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "session_hash=own&session_hash={page}",
        "session_hash={page}&session_hash=own",
        "%73ession_hash={page}",
        "session_hash=own&session%5Fhash={page}",
    ],
)
def test_a_page_is_found_wherever_the_query_names_it(bob: Person, page: str, query: str) -> None:
    query = query.format(page=page).replace("own", f"{page}-bob")
    refused(bob.client.get(f"{API}/queue/data?{query}"))


def test_a_page_is_found_however_the_body_names_it(ada: Person, bob: Person, page: str) -> None:
    escaped = "".join(f"\\u{ord(char):04x}" for char in page)
    for key, value in [
        ("session_hash", escaped),
        ("\\u0073ession_hash", page),
        ("session_hash", page),
    ]:
        start = f'{{"data": ["bad", null], "fn_index": {bob.functions["keep"]}, '
        for body in (
            f'{start}"session_hash": "{page}-bob", "{key}": "{value}"}}',
            f'{start}"{key}": "{value}"}}',
        ):
            for kind in ("application/json", "text/plain", ""):
                answer = bob.client.post(
                    f"{API}/queue/join", content=body, headers={"Content-Type": kind}
                )
                refused(answer)
    assert ada.call(page, "keep", "second", None)[1] == ["first", "second"]


def test_a_page_is_found_in_a_form(bob: Person, page: str) -> None:
    form = {"component_id": "1", "fn_name": "ls", "session_hash": page}
    for path in ("component_server", "component_server/"):
        refused(bob.client.post(f"{API}/{path}", data=form, files={"big": b"x" * 3_000_000}))
    twice = [("session_hash", (None, page)), ("session_hash", (None, "own"))]
    twice += [("component_id", (None, "1")), ("fn_name", (None, "ls"))]
    refused(bob.client.post(f"{API}/component_server", files=twice))


def test_an_event_is_its_makers(ada: Person, bob: Person) -> None:
    page = uuid4().hex[:12]
    event = ada.join(page, "count", 10).json()["event_id"]
    own = f"{page}-bob"
    mine = bob.join(own, "count", 1).json()["event_id"]
    stolen = {"session_hash": own, "fn_index": bob.functions["count"], "event_id": event}
    refused(bob.post("cancel", **stolen))
    refused(bob.post("reset", event_id=event))
    refused(bob.post(f"stream/{event}", data=[1]))
    refused(bob.post(f"stream/{event}/close"))
    refused(bob.post(f"stream/{mine}", data=[1], event_id=event))
    refused(bob.post(f"stream/{mine}", data=[1], session_hash=page))
    refused(bob.get(f"call/count/{event}"))
    refused(bob.get(f"call/v2/count/{event}"))
    assert '"success":true' in ada.data(page).text


def test_an_event_without_a_page_is_its_makers_too(ada: Person, bob: Person) -> None:
    for path, body in (("call/count", {"data": [3]}), ("call/v2/count", {"limit": 3})):
        event = ada.post(path, **body).json()["event_id"]
        refused(bob.get(f"call/count/{event}"))
        # Gradio keeps its messages under this name.
        refused(bob.data(event))
        refused(bob.join(event, "count", 1))
        stream = ada.get(f"call/count/{event}").text
        assert "event: complete\ndata: [3]" in stream or "data: [null]" in stream, stream


@pytest.mark.parametrize("event", ["x", "0" * 32, f"{'0' * 32}-{'0' * 32}"])
def test_an_event_that_nobody_made_is_nobodys(bob: Person, event: str) -> None:
    refused(bob.get(f"call/count/{event}"))
    refused(bob.post("reset", event_id=event))


def test_another_login_of_the_same_user_is_another(
    matrix_site: Site, ada: Person, page: str
) -> None:
    refused(Person(matrix_site, "ada").data(page))


def test_an_upload_is_its_makers(ada: Person, bob: Person) -> None:
    upload = uuid4().hex[:12]
    files = {"files": ("a.txt", b"hello")}
    ada.client.post(f"{API}/upload?upload_id={upload}", files=files).raise_for_status()
    refused(bob.get("upload_progress", upload_id=upload))
    refused(bob.client.post(f"{API}/upload?upload_id={upload}", files=files))


def test_who_names_nothing_reaches_nobody(ada: Person, bob: Person, page: str) -> None:
    answer = bob.post("run/keep", data=["bad", None])
    assert answer.json()["data"][1] == ["bad"]
    assert bob.post("run/keep", data=["bad", None]).json()["data"][1] == ["bad"]
    assert ada.call(page, "keep", "second", None)[1] == ["first", "second"]


@pytest.mark.parametrize(
    "name", ["", "x" * 129, "x" * 1_000_000, 7, ["a"], {"a": "b"}, True], ids=lambda v: repr(v)[:12]
)
def test_a_name_that_no_client_sends_is_refused(bob: Person, name: object) -> None:
    for path in ("queue/join", "run/keep", "call/keep", "component_server", "cancel"):
        answer = bob.post(path, session_hash=name, data=["", None], fn_index=0)
        assert answer.status_code in (400, 413), path
        assert len(answer.text) < 300
    answer = bob.post("reset", event_id=name)
    assert answer.status_code in (400, 413)


def test_a_page_is_free_again_when_its_session_has_ended(matrix_site: Site, bob: Person) -> None:
    ada = Person(matrix_site, "ada")
    page = uuid4().hex[:12]
    ada.call(page, "keep", "secret", None)
    refused(bob.data(page))
    ada.client.post("/api/auth/logout").raise_for_status()
    # And nothing is left of what was kept there.
    assert bob.call(page, "keep", "mine", None)[1] == ["mine"]


# Two processes ----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["db", "redis"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, demo_database: Any
) -> Iterator[tuple[Site, Site]]:
    """Two processes of one site."""
    directory = tmp_path_factory.mktemp("pair")
    factory = SiteFactory(directory, demo_database)
    env = {"EXTRA_APPS": "tests.gradio_ui.owned", "SESSIONSTATE_BACKEND": request.param}
    if request.param == "redis":
        env["REDIS_URL"] = request.getfixturevalue("redis_server").removesuffix("/0") + "/11"
    yield (
        factory("daphne", directory=directory / "site", env=env),
        factory("uvicorn", directory=directory / "site", env=env),
    )
    factory.close()


def test_it_holds_over_two_processes(pair: tuple[Site, Site]) -> None:
    one, other = pair
    ada, bob = Person(one, "ada"), Person(one, "bob")
    bob_there = Person(other, "bob", bob.headers)
    ada_there = Person(other, "ada", ada.headers)
    page, upload = uuid4().hex[:12], uuid4().hex[:12]
    assert ada.call(page, "keep", "first", None)[1] == ["first"]
    event = ada.join(page, "count", 2).json()["event_id"]
    ada.client.post(f"{API}/upload?upload_id={upload}", files={"files": b"x"}).raise_for_status()
    for answer in (
        bob_there.join(page, "keep", "bad", None),
        bob_there.data(page),
        bob_there.get(f"heartbeat/{page}"),
        bob_there.get(f"call/count/{event}"),
        bob_there.post("reset", event_id=event),
        bob_there.get("upload_progress", upload_id=upload),
    ):
        refused(answer)
    # ada's own requests may arrive anywhere, and bob's page is bob's everywhere.
    assert ada_there.join(page, "count", 1).status_code == 200
    theirs = uuid4().hex[:12]
    bob_there.call(theirs, "keep", "bob's", None)
    refused(ada.data(theirs))
    ada.data(page)


def test_of_two_that_use_a_name_at_once_one_has_it(pair: tuple[Site, Site]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    people = [Person(pair[0], "ada"), Person(pair[1], "bob")]
    for _ in range(10):
        page = uuid4().hex[:12]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda who: who.join(page, "count", 1), people))  # noqa: B023
        assert sorted(answer.status_code for answer in answers) == [200, 403]
    time.sleep(0.1)


def test_a_call_without_a_page_is_in_use_while_somebody_listens_to_it(
    settings: Any,
) -> None:
    settings.GRADIO_UI_MAX_PAGES = 1
    dropped: list[str] = []
    pages, owner = Pages(lambda name: False, dropped.append), Owner("s" * 32, "1")
    event = event_ids.new(owner.session_id)
    pages.add(event, owner)
    with pages.used(Names(event_ids=(event,))), pytest.raises(TooMany):
        pages.make_room(owner)
    assert not dropped
    pages.make_room(owner)
    assert dropped == [event]
