"""What comes in pieces, and stays in the process that has the page: whichever process is asked."""

import base64
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.attacks.people import API, Listener, Person, Tab
from tests.cluster.conftest import Processes
from tests.servers import wait_for

PATH = "/gradio/streams"


def picture() -> dict[str, Any]:
    """As a camera's page sends it."""
    file = io.BytesIO()
    Image.new("RGB", (4, 4), "blue").save(file, "PNG")
    content = base64.b64encode(file.getvalue()).decode()
    return {"path": "", "url": f"data:image/png;base64,{content}"}


@pytest.fixture(scope="module")
def ada(cluster: Processes, ffmpeg: None) -> Person:
    return cluster.person(path=PATH)


@pytest.fixture(scope="module")
def bob(cluster: Processes) -> Person:
    return cluster.person("bob", PATH)


# The process that has the page: under daphne, under uvicorn.
@pytest.fixture(params=[0, 1], ids=["daphne", "uvicorn"])
def views(request: pytest.FixtureRequest, cluster: Processes, ada: Person) -> list[Tab]:
    """One page as each process sees it; the first of them has it."""
    own = request.param
    tab = cluster.page(own, ada)
    return [cluster.tab_at((own + number) % 3, tab) for number in range(3)]


def output(listener: Listener, event: str) -> dict[str, Any]:
    """The first file that an event has given."""

    def found() -> Any:
        for message in listener.messages:
            if message.get("event_id") == event and message["msg"] == "process_generating":
                return message["output"]["data"][0]
        return None

    file: dict[str, Any] = wait_for(found)
    return file


def segments(playlist: str) -> list[str]:
    return [line for line in playlist.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("fn", "steps", "extension", "kind"),
    [("play", 10, ".aac", "audio/aac"), ("show", 4, ".ts", "video/MP2T")],
)
def test_sound_and_film_are_heard_and_seen_through_every_process(
    views: list[Tab],
    bob: Person,
    cluster: Processes,
    fn: str,
    steps: int,
    extension: str,
    kind: str,
) -> None:
    own, others = views[0], views[1:]
    event = others[0].start(fn, steps, 0.3)
    listener = Listener(others[1])
    # As the page has it from its configuration: below the address that it was opened at.
    path = output(listener, event)["url"].partition(PATH)[2]
    folder = path.rpartition("/")[0]
    assert folder.startswith(f"{API}/stream/{own.hash}/")

    def playlist(tab: Tab) -> str:
        answer = tab.person.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
        assert answer.headers["cache-control"].endswith("no-store")
        return answer.text

    # While it is made.
    seen = [len(segments(playlist(tab))) for tab in (*others, own)]
    assert seen == sorted(seen)
    for tab in views:
        wait_for(lambda: "#EXT-X-ENDLIST" in playlist(tab))  # noqa: B023
    wait_for(lambda: listener.completed(event))
    lists = [segments(playlist(tab)) for tab in views]
    # How many is up to the encoder: what it has not made until the end comes in one piece.
    assert lists[0] == lists[1] == lists[2] != []
    for name in lists[0]:
        assert name.endswith(extension)
        answers = [tab.person.get(f"{folder}/{name}") for tab in views]
        assert {answer.headers["content-type"] for answer in answers} == {kind}
        (content,) = {answer.content for answer in answers}
        assert content
    wholes = [tab.person.get(f"{folder}/playlist-file") for tab in reversed(views)]
    assert {answer.status_code for answer in wholes} == {200}
    assert len({answer.content for answer in wholes}) == 1
    # To somebody else, any of them says no.
    for number in range(3):
        thief = cluster.at(number, bob)
        for name in ("playlist.m3u8", lists[0][0], "playlist-file"):
            assert thief.get(f"{folder}/{name}").status_code == 403


def test_pictures_of_a_camera_reach_the_event_that_waits_for_them(views: list[Tab]) -> None:
    own, others = views[0], views[1:]
    pid = own.predict("process")
    event = others[0].start("look", picture(), None)
    listener = Listener(others[1])
    said: list[str] = []

    def steps() -> list[dict[str, Any]]:
        return [m for m in listener.messages if m["msg"] == "process_streaming"]

    for number in range(4):
        wait_for(lambda: len(steps()) > number)  # noqa: B023
        said = [step["output"]["data"][0] for step in steps()]
        body = {"data": [picture(), None], "session_hash": own.hash}
        answer = views[number % 3].person.post(f"{API}/stream/{event}", body)
        assert answer.json() == {"msg": "success"}, answer.text
    assert said[:4] == [f"{pid} {number + 1}" for number in range(4)]
    assert others[1].person.post(f"{API}/stream/{event}/close").json() == {"msg": "success"}
    wait_for(lambda: listener.completed(event))


def test_the_progress_of_an_upload_is_told_while_it_comes(views: list[Tab]) -> None:
    sending = views[1].person
    query = f"?upload_id={views[0].hash}"
    go_on = threading.Event()

    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="zeros.bin"\r\n\r\n'
        yield bytes(300_000)
        assert go_on.wait(20)
        yield bytes(100_000) + b"\r\n--x--\r\n"

    answers: list[httpx.Response] = []

    def send() -> None:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        url = f"{API}/upload{query}"
        answers.append(sending.client.post(url, content=body(), headers=headers))

    # Who asks may be earlier.
    progress = Listener(views[2], path=f"{API}/upload_progress{query}")
    upload = threading.Thread(target=send)
    upload.start()
    try:
        wait_for(lambda: progress.messages)
        assert not answers
    finally:
        go_on.set()
    upload.join(20)
    progress.join(20)
    *updates, last = progress.messages
    assert last == {"msg": "done"}
    assert {message["orig_name"] for message in updates} == {"zeros.bin"}
    assert 0 < sum(message["chunk_size"] for message in updates) <= 400_000
    (path,) = answers[0].json()
    assert views[0].person.get(f"{API}/file={path}").content == bytes(400_000)


def test_a_page_that_is_left_is_left_where_it_is(cluster: Processes, views: list[Tab]) -> None:
    own, other = views[:2]
    pid = own.predict("process")
    event = other.start("play", 2, 0)
    listener = Listener(other)
    path = output(listener, event)["url"].partition(PATH)[2]
    wait_for(lambda: listener.completed(event))
    left = Path(cluster.sites[0].env["GRADIOSESSION_DATA_DIR"]) / f"left-{own.hash}"
    with other.person.client.stream("GET", f"{API}/heartbeat/{own.hash}") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "data: ALIVE"
        assert other.person.get(path).status_code == 200
        assert not left.exists()
    wait_for(lambda: left.exists() and left.read_text() == str(pid))
    assert [tab.person.get(path).status_code for tab in views] == [404, 404, 404]


def test_a_link_to_what_a_page_shows_is_opened_everywhere(views: list[Tab], bob: Person) -> None:
    views[1].predict("process")
    link = views[2].person.get(f"{API}/deep_link", params={"session_hash": views[0].hash}).json()
    path = f"/config?deep_link={link}"
    seen = [tab.person.get(path).json()["deep_link_state"] for tab in views]
    assert seen == ["valid", "valid", "valid"]
    assert bob.get(path).json()["deep_link_state"] == "invalid"
