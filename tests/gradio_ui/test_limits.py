"""What one user takes does not take it from another."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.gradio_ui.people import API, PROBLEM, Person
from tests.servers import Site, SiteFactory, wait_for

LIMITS = {
    "GRADIO_UI_MAX_BODY": "100000",
    "GRADIO_UI_MAX_UPLOAD": "500000",
    "GRADIO_UI_MAX_FILES": "5",
    "GRADIO_UI_MAX_PAGES": "20",
    "GRADIO_UI_MAX_STREAMS": "4",
    "GRADIO_UI_MAX_EVENTS": "10",
    "GRADIO_UI_MAX_USER_BYTES": "800000",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, demo_database: Path) -> Iterator[Site]:
    factory = SiteFactory(tmp_path_factory.mktemp("limits"), demo_database)
    yield factory("daphne", env={"EXTRA_APPS": "tests.gradio_ui.owned", **LIMITS})
    factory.close()


@pytest.fixture
def ada(people: None, site: Site) -> Person:
    return Person(site, "ada")


@pytest.fixture
def bob(people: None, site: Site) -> Person:
    return Person(site, "bob")


def refused(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert ("retry-after" in answer.headers) == (status == 429)


def test_bodies_and_uploads(bob: Person) -> None:
    refused(bob.post("run/keep", data=["x" * 100_000, None]), 413)
    path = f"{API}/upload"
    refused(bob.client.post(path, files={"files": b"x" * 600_000}), 413)
    parts = (b"x" * 10_000 for _ in range(60))
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'

    def unannounced() -> Iterator[bytes]:
        yield head
        yield from parts
        yield b"\r\n--b--\r\n"

    refused(bob.client.post(path, content=unannounced(), headers=form), 413)
    refused(bob.client.post(path, files=[("files", (f"{n}", b"x")) for n in range(6)]), 413)


def test_all_files_of_a_user(site: Site, ada: Person, bob: Person) -> None:
    path = f"{API}/upload"
    first = bob.client.post(path, files={"files": ("1", b"1" * 450_000)})
    assert first.status_code == 200
    refused(bob.client.post(path, files={"files": ("2", b"2" * 450_000)}), 413)
    # Also through another app and another login; and others have room of their own.
    again = Person(site, "bob")
    other = path.replace("owned", "owned-2")
    refused(again.client.post(other, files={"files": ("2", b"2" * 450_000)}), 413)
    assert ada.client.post(path, files={"files": ("1", b"1" * 450_000)}).status_code == 200
    # Nothing is left of what was refused.
    directory = Path(site.env["GRADIOSESSION_DATA_DIR"]) / "gradio/users"
    assert sum(f.stat().st_size for f in directory.rglob("*") if f.is_file()) < 1_000_000


def test_open_streams(site: Site, ada: Person, bob: Person) -> None:
    with ExitStack() as stack:
        for _ in range(4):
            url = f"{API}/heartbeat/{uuid4().hex}"
            opened = stack.enter_context(bob.client.stream("GET", url))
            assert opened.status_code == 200
        refused(bob.get(f"heartbeat/{uuid4().hex}"), 429)
        refused(Person(site, "bob").get("queue/data", session_hash=uuid4().hex), 429)
        # What another site sends, and functions of components, take as long as they like.
        refused(bob.get("file=https://files.example/endless"), 429)
        called = {"fn_name": "x", "data": None, "session_hash": uuid4().hex}
        refused(bob.post("component_server", component_id=bob.component, **called), 429)
        assert ada.call(uuid4().hex, "keep", "x", None)
    page = uuid4().hex
    bob.join(page, "keep", "x", None)
    wait_for(lambda: bob.data(page).status_code == 200)


def test_2000_joins_leave_another_users_stream_and_state_alone(ada: Person, bob: Person) -> None:
    page, running = uuid4().hex[:12], uuid4().hex[:12]
    ada.call(page, "keep", "first", None)
    ada.join(running, "count", 60).raise_for_status()
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(ada.data(running).text))
    reader.start()
    statuses = [bob.join(f"{page}-{n}", "keep", "x", None).status_code for n in range(1000)]
    statuses += [bob.join(f"{page}-bob", "count", 1).status_code for _ in range(1000)]
    reader.join()
    assert set(statuses) == {200, 429}
    assert statuses.count(200) < 1500
    assert '"success":true' in read[0]
    assert ada.call(page, "keep", "second", None)[1] == ["first", "second"]


def test_waiting_events(ada: Person, bob: Person) -> None:
    pages = [uuid4().hex for _ in range(12)]
    answers = [bob.join(page, "count", 100) for page in pages]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 2
    refused(answers[-1], 429)
    refused(bob.post("call/count", data=[1]), 429)
    assert ada.call(uuid4().hex, "keep", "x", None)
    for page, answer in zip(pages, answers[:10], strict=False):
        event = answer.json()["event_id"]
        bob.post("cancel", session_hash=page, fn_index=1, event_id=event).raise_for_status()
    wait_for(lambda: bob.join(uuid4().hex, "count", 1).status_code == 200)


def test_pages_make_room_for_newer_ones(site: Site, ada: Person) -> None:
    first = uuid4().hex
    ada.call(first, "keep", "first", None)
    for _ in range(25):
        assert ada.call(uuid4().hex, "keep", "x", None)[1] == ["x"]
    # The page that was not used for longest; it still is nobody else's.
    assert ada.call(first, "keep", "second", None)[1] == ["second"]
    assert Person(site, "bob").data(first).status_code == 403


def test_projects_without_these_settings_have_the_same_limits() -> None:
    from django.conf import settings

    from gradio_ui.conf import DEFAULTS, PREFIX

    assert {name: getattr(settings, PREFIX + name) for name in DEFAULTS} == DEFAULTS
