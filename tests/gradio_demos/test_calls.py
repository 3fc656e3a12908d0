"""Every demo that has functions, called by `gradio_client` as a signed-in user."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.gradio_demos.catalogue import DEMOS
from tests.servers import Site

TALK = [
    {"role": role, "content": [{"type": "text", "text": text}]}
    for role, text in (("user", "one"), ("assistant", "two"))
]


@dataclass(frozen=True)
class Call:
    slug: str
    function: str
    inputs: tuple[Any, ...]
    # The result, or what must be true of it.
    wanted: Any
    # What the page would say about the event; `gradio_client` has no word for it.
    event: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


CALLS = [
    Call("readme", "predict", ("Ada", 3), "Hello, Ada!!!"),
    Call("readme-shared", "greet", ("Ada",), "Hello Ada!"),
    Call("blocks", "update", ("Ada",), "Welcome to Gradio, Ada!"),
    Call("launch-blocks", "reverse", ("abc",), "cba"),
    Call("launch-interface", "reverse", ("abc",), "cba"),
    Call("decorator", "greet", ("Ada",), "Hello Ada!"),
    Call("dependency", "lambda", ("Ada",), "Hello, Ada"),
    Call("on", "lambda", ("Ada",), "Ada"),
    Call("api", "add_and_slice", (3, 5, [*"abcdef"]), (8, ["d", "e"])),
    Call("batch", "trim_words", ("gradio", 4), "grad"),
    Call("update", "lambda", (4,), lambda found: found["value"] == 4),
    Call("date", "now", (), lambda found: found.startswith("20")),
    Call("random-slider", "lambda", (4,), 4),
    Call("random-slider", "get_random_value", (), lambda found: 0 <= found <= 10),
    Call("warning", "hello_world", (), "hello world"),
    Call("info", "hello_world", (), "hello world"),
    Call("success", "hello_world", (), "hello world"),
    Call("progress", "my_function", ("Ada",), "Ada"),
    Call("progress-letters", "reverse", ("abc",), "cba"),
    Call("iteration", "iteration", (3,), 2),
    Call("chat", "echo", ("hello",), "hello"),
    Call(
        "undo",
        "undo",
        (TALK,),
        lambda found: found[0]["content"] == TALK[0]["content"] and len(found) == 1,
        {"index": 1, "value": "two"},
    ),
    Call(
        "event-data",
        "on_select_2",
        ("Hello",),
        "The None component was selected, and its value was Hello.",
        {"index": 0, "value": "Hello"},
    ),
    Call(
        "key-up-data",
        "test",
        ("abc",),
        {"component value": "abc", "input value": "ab", "key": "b"},
        {"input_value": "ab", "key": "b"},
    ),
    Call("copy-data", "on_copy", (), "Copied text: Ada", {"value": "Ada"}),
    Call("html", "on_button_click", (), "Option 2", {"option": "Option 2"}),
    Call("monitoring", "lambda", (), lambda found: found["choices"] == [["All", "All"]]),
    Call("monitoring", "gen_plot", ("now - 24h", "now", "All"), lambda found: len(found) == 4),
    Call("request", "echo", ("Ada",), "Ada"),
    Call("header", "make_api_request_on_behalf_of_user", ("Ada",), "Hello from the API"),
    Call(
        "header",
        "make_api_request_on_behalf_of_user",
        ("Ada",),
        "Hello from the API with token!",
        headers={"X-API-Token": "1"},
    ),
]


class Person:
    """A login of its own, with which to open demos."""

    def __init__(self, site: Site, username: str) -> None:
        self.site = site
        self.headers = site.sign_in(username)

    def open(self, slug: str, headers: Mapping[str, str] | None = None) -> Client:
        # The results are looked at where they are, by whoever may.
        return Client(
            f"{self.site.url}/gradio/{slug}/",
            headers=self.headers | dict(headers or {}),
            verbose=False,
            download_files=False,
        )

    def call(self, slug: str, function: str, *inputs: Any, event: Any = None, **more: Any) -> Any:
        client = self.open(slug, **more)
        if event:
            send = client.send_data
            client.send_data = lambda body, *rest: send(body | {"event_data": event}, *rest)
        return client.predict(*inputs, api_name=f"/{function}")

    def upload(self, slug: str, content: bytes) -> str:
        url = f"{self.site.url}/gradio/{slug}/gradio_api/upload"
        files = {"files": ("notes.txt", content, "text/plain")}
        path: str = httpx.post(url, headers=self.headers, files=files).json()[0]
        return path

    def fetch(self, url: str) -> httpx.Response:
        return httpx.get(url, headers=self.headers)


@pytest.fixture(scope="module")
def ada(demos_site: Site) -> Person:
    return Person(demos_site, "ada")


@pytest.fixture(scope="module")
def bob(demos_site: Site) -> Person:
    return Person(demos_site, "bob")


@pytest.fixture(scope="module")
def results(ada: Person) -> Iterator[Callable[[Call], Any]]:
    """Of every call; all are under way at once, because some demos sleep for seconds."""
    with ThreadPoolExecutor(8) as pool:
        # The slow ones first.
        order = sorted(CALLS, key=lambda call: call.slug not in ("progress", "batch"))
        futures: dict[int, Future[Any]] = {
            id(call): pool.submit(
                ada.call,
                call.slug,
                call.function,
                *call.inputs,
                event=call.event,
                headers=call.headers,
            )
            for call in order
        }
        yield lambda call: futures[id(call)].result(timeout=60)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.slug}-{call.function}")
def test_a_demo_answers_as_its_code_says(results: Callable[[Call], Any], call: Call) -> None:
    found = results(call)
    assert call.wanted(found) if callable(call.wanted) else found == call.wanted


def test_a_generator_gives_every_step(ada: Person) -> None:
    job = ada.open("iteration").submit(3, api_name="/iteration")
    assert job.result(timeout=30) == 2
    assert job.outputs() == [0, 1, 2]


def test_what_a_demo_raises_for_its_user_reaches_the_user(ada: Person) -> None:
    with pytest.raises(AppError, match="Cannot divide by zero!"):
        ada.call("error", "divide", 1, 0)


def test_a_conversation_is_of_the_one_who_has_it(ada: Person, bob: Person) -> None:
    page = ada.open("chat")
    assert page.predict("a secret of ada's", api_name="/echo") == "a secret of ada's"
    other = bob.open("chat")
    other.session_hash = page.session_hash
    with pytest.raises(httpx.HTTPStatusError, match="403"):
        other.predict("mine", api_name="/echo")


# Files -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "blue.png"
    Image.new("RGB", (16, 16), (0, 0, 255)).save(path)
    return path


@pytest.mark.parametrize(
    ("slug", "function", "files"),
    [
        ("image", "lambda", lambda result: [result]),
        ("static-paths", "lambda", lambda result: [result]),
        ("image-mask", "mask", lambda result: [result["image"]]),
        ("upload-button", "upload_file", lambda result: result),
    ],
)
def test_a_file_that_a_demo_makes_is_for_its_user_only(
    ada: Person, bob: Person, picture: Path, slug: str, function: str, files: Any
) -> None:
    file = handle_file(picture)
    (found,) = files(ada.call(slug, function, [file] if slug == "upload-button" else file))
    mine = ada.fetch(found["url"])
    assert mine.status_code == 200
    assert mine.headers["content-type"].startswith("image/")
    assert bob.fetch(found["url"]).status_code == 403


def test_what_a_demo_says_of_a_picture(ada: Person, picture: Path) -> None:
    file, event = handle_file(picture), {"index": [1, 1], "value": None}
    found = ada.call("image-select", "select_handler", file, event=event)
    assert found == "Selected pixel: [  0   0 255]"
    for slug in ("classifier", "csv-logger", "simple-csv-logger"):
        assert ada.call(slug, "image_classifier", file)["label"] == "dog"


def test_a_file_of_an_event_is_for_its_user_only(ada: Person, bob: Person) -> None:
    uploaded = ada.upload("download-data", b"ada's")
    event = {"path": uploaded, "meta": {"_type": "gradio.FileData"}}
    assert ada.call("download-data", "on_download", event=event) == f"Downloaded file: {uploaded}"

    uploaded = ada.upload("deleted-file-data", b"ada's")
    event = {"path": uploaded, "meta": {"_type": "gradio.FileData"}}
    deleted = ada.call("deleted-file-data", "test", event=event)
    assert ada.fetch(deleted["url"]).text == "ada's"
    assert bob.fetch(deleted["url"]).status_code == 403
    for path in (uploaded, "/etc/passwd"):
        for also in ({}, {"meta": {"_type": "gradio.FileData"}}):
            with pytest.raises(AppError, match="cannot be accessed"):
                bob.call("deleted-file-data", "test", event={"path": path} | also)


def test_no_demo_is_told_how_its_user_signed_in(ada: Person, demos_site: Site) -> None:
    ada.call("request", "echo", "hello")
    assert "Request headers dictionary: {" in demos_site.log
    assert ada.headers["Authorization"].split()[1] not in demos_site.log


def test_every_demo_is_served(ada: Person) -> None:
    for demo in DEMOS:
        config = ada.fetch(f"{ada.site.url}/gradio/{demo.slug}/config")
        assert config.status_code == 200, demo.slug
        assert config.json()["components"], demo.slug
