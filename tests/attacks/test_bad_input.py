"""What no client of Gradio's sends: a short refusal in JSON, and no trace of what is inside."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.attacks.conftest import Target
from tests.attacks.people import API, Person, filedata
from tests.attacks.target import CONNECTION

JOIN = f"{API}/queue/join"
SERVER = f"{API}/component_server"
AS_JSON = {"Content-Type": "application/json"}
AS_FORM = {"Content-Type": "multipart/form-data; boundary=x"}
INSIDE = ("Traceback", 'File "', "site-packages", "Error:", CONNECTION, "hunter2")

HUGE = 10**9
WRONG = [None, True, 1, -1, 1.5, HUGE, 2**70, "", "x", "\x00", "é" * 300, [], [[]], {}, {"a": 1}]
MANY = "&".join(f"session_hash=many-{number}" for number in range(50))
GOOD: dict[str, Any] = {"data": ["x"], "fn_index": 2, "session_hash": "bob's tab"}

REMOVED = {"data": [], "event_data": filedata("/etc/passwd")}


def raw(name: str, path: str, content: bytes, **headers: str) -> Any:
    return pytest.param("POST", path, {"content": content, "headers": AS_JSON | headers}, id=name)


def post(name: str, path: str, body: Any) -> Any:
    return raw(name, path, json.dumps(body).encode())


def get(name: str, path: str, **headers: str | bytes) -> Any:
    return pytest.param("GET", path, {"headers": headers}, id=name)


def deep(kind: str) -> bytes:
    levels = 100_000
    inner = b"[" * levels + b"]" * levels
    if kind == "object":
        inner = b'{"a":' * levels + b"1" + b"}" * levels
    return b'{"fn_index": 2, "session_hash": "deep", "data": [' + inner + b"]}"


def form(*parts: tuple[str, bytes]) -> bytes:
    body = b"".join(
        b"--x\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n"
        for head, content in parts
    )
    return body + b"--x--\r\n"


def upload(name: str, body: bytes, kind: str = "multipart/form-data; boundary=x") -> Any:
    return raw(f"upload-{name}", f"{API}/upload", body, **{"Content-Type": kind})


def blobs(name: str, **fields: str) -> Any:
    """To the function of the image editor that keeps what a page has drawn."""
    head = {"component_id": "{editor}", "fn_name": "accept_blobs", "session_hash": "bob's tab"}
    content = form(
        *((f'name="{key}"', value.encode()) for key, value in (head | fields).items()),
        ('name="file"; filename="blob"', b"x"),
    )
    return raw(
        f"blobs-{name}", SERVER, content, **{"Content-Type": "multipart/form-data; boundary=x"}
    )


NOT_JSON = {
    "nothing": b"",
    "half": b'{"data": [',
    "word": b"nul",
    "bytes": b"\xff\xfe\xfd",
    "a-list": b"[]",
    "a-text": b'"x"',
    "a-number": b"1",
    "null": b"null",
    "two-values": b"{}{}",
    "many-digits": b'{"data": [1' + b"0" * 5000 + b'], "fn_index": 2, "session_hash": "n"}',
    "single-quotes": b"{'data': []}",
    "half-a-letter-in-the-hash": b'{"data": ["x"], "fn_index": 2, "session_hash": "\\ud800"}',
    "deep-lists": deep("list"),
    "deep-objects": deep("object"),
    "two-megabytes": b'{"session_hash": "big", "fn_index": 2, "data": ["' + b"x" * 2**21 + b'"]}',
    "a-hash-of-a-megabyte": b'{"data": ["x"], "fn_index": 2, "session_hash": "'
    + b"x" * 1_000_000
    + b'"}',
}
TAKES_JSON = [
    "queue/join",
    "run/echo",
    "call/echo",
    "call/v2/echo",
    "cancel",
    "reset",
    "component_server",
    "stream/x",
]

ROWS = [
    *(
        raw(f"{name}-to-{route}", f"{API}/{route}", content)
        for route in TAKES_JSON
        for name, content in NOT_JSON.items()
    ),
    post("no-function", JOIN, {"data": [], "session_hash": "x"}),
    post("no-hash", JOIN, {"data": [], "fn_index": 2}),
    post("unknown-function", JOIN, GOOD | {"fn_index": HUGE}),
    post("negative-function", JOIN, GOOD | {"fn_index": -1}),
    post("unknown-function-now", f"{API}/run/echo", {"data": ["x"], "fn_index": HUGE}),
    post("function-of-the-page", JOIN, GOOD | {"fn_index": "{of the page}"}),
    post("function-of-the-page-now", f"{API}/run/echo", {"data": [], "fn_index": "{of the page}"}),
    post("unknown-name-now", f"{API}/run/nothing", {"data": ["x"]}),
    post("unknown-name-api", f"{API}/api/nothing", {"data": ["x"]}),
    post("unknown-name-call", f"{API}/call/nothing", {"data": ["x"]}),
    post("unknown-name-v2", f"{API}/call/v2/nothing", {"word": "x"}),
    post("unknown-argument-v2", f"{API}/call/v2/echo", {"nothing": "x"}),
    post("no-argument-v2", f"{API}/call/v2/echo", {}),
    post("too-few-now", f"{API}/run/echo", {"data": []}),
    post("a-list-for-a-file", f"{API}/run/read", {"data": [["x"]]}),
    post("a-number-for-a-file", f"{API}/run/read", {"data": [7]}),
    post("a-path-of-numbers", f"{API}/run/read", {"data": [filedata("x") | {"path": 7}]}),
    post("a-path-with-nul", f"{API}/run/read", {"data": [filedata("/tmp/a\x00b")]}),
    post("a-path-too-long", f"{API}/run/read", {"data": [filedata("/tmp/" + "a" * 5000)]}),
    post("another-machine", f"{API}/run/read", {"data": [filedata("http://127.0.0.1:1/x")]}),
    post("another-scheme", f"{API}/run/read", {"data": [filedata("file:///etc/passwd")]}),
    post("the-server-s-file-in-an-event", f"{API}/run/removed", REMOVED),
    *(
        post(f"event-{value!r:.12}", f"{API}/run/chosen", {"data": [], "event_data": value})
        for value in (None, True, "x", 1, [], [[]], {}, {"index": 1}, {"value": "x"})
    ),
    # Components.
    post("no-component", SERVER, {"data": "x", "fn_name": "whisper", "session_hash": "x"}),
    *(
        post(
            f"component-{value!r:.12}",
            SERVER,
            {"component_id": value, "fn_name": "whisper", "data": "x", "session_hash": "x"},
        )
        for value in (HUGE, -1, "x", None, [], {}, 1.5)
    ),
    *(
        post(
            f"fn-{value!r:.12}",
            SERVER,
            {"component_id": "{html}", "fn_name": value, "data": "x", "session_hash": "x"},
        )
        for value in ("nothing", "preprocess", "__init__", "__class__", "", None, 1, [])
    ),
    *(
        post(
            f"folder-{value!r:.12}",
            SERVER,
            {"component_id": "{explorer}", "fn_name": "ls", "data": value, "session_hash": "x"},
        )
        for value in ([".."], ["..", "..", ".."], ["/etc"], ["a\x00b"], [1])
    ),
    blobs("index-that-is-none", type="layer", index="x", id="x"),
    blobs("nothing-said"),
    raw(
        "form-without-fields", SERVER, form(), **{"Content-Type": "multipart/form-data; boundary=x"}
    ),
    *(
        raw(f"kind-{number}", JOIN, b"{}", **{"Content-Type": kind})
        for number, kind in enumerate(
            [
                "application/json; charset*=x'y'%41",
                "application/json; a*99999999999999999999=1",
                f"application/json; a*{'9' * 5000}=1",
                f"application/json; charset={'x' * 20_000}",
                "application/json; charset=idna",
                'application/json;;;=;"',
                "; charset=utf-16",
            ]
        )
    ),
    raw("form-without-boundary", SERVER, b"x", **{"Content-Type": "multipart/form-data"}),
    # Ids.
    post("unknown-stream", f"{API}/stream/nothing", {"data": []}),
    raw("unknown-stream-closed", f"{API}/stream/nothing/close", b""),
    get("unknown-sound", f"{API}/stream/nothing/x/1/playlist.m3u8"),
    get("sound-of-no-component", f"{API}/stream/nothing/x/y/playlist.m3u8"),
    get("sound-of-another-kind", f"{API}/stream/nothing/x/1/0.mp3"),
    get("unknown-call", f"{API}/call/echo/nothing"),
    get("unknown-upload", f"{API}/upload_progress?upload_id=nothing"),
    get("no-upload", f"{API}/upload_progress"),
    get("no-hash-to-listen", f"{API}/queue/data"),
    get("many-hashes-to-listen", f"{API}/queue/data?{MANY}"),
    get("no-hash-to-link", f"{API}/deep_link"),
    get("a-long-hash-to-listen", f"{API}/queue/data?session_hash={'x' * 20_000}"),
    get("a-long-hash-to-beat", f"{API}/heartbeat/{'x' * 20_000}"),
    get("nul-to-beat", f"{API}/heartbeat/a%00b"),
    get("half-a-letter-to-beat", f"{API}/heartbeat/%ff%fe"),
    # Files.
    *(
        get(f"range-{number}", "{file}", Range=value)
        for number, value in enumerate(
            ["bytes=0-1-2", "bytes=9-1", "bytes=99999-", b"bytes=\xb2-\xb3", "bytes=0-1,2-3-4"]
        )
    ),
    *(
        get(f"file-{number}", f"{API}/file={path}")
        for number, path in enumerate(
            [
                "%00",
                "/tmp/a%00b",
                "..",
                "/",
                ".",
                "~root",
                "a" * 5000,
                "/" + "a/" * 3000,
                "%ff",
                "/etc/passwd",
                "%2Fetc%2Fpasswd",
                "%252Fetc%252Fpasswd",
                "/tmp/%2e%2e/etc/passwd",
                "/tmp/%252e%252e/etc/passwd",
                "/proc/self/environ",
                "/proc/self/cwd/manage.py",
                "manage.py",
                ".env",
                "db.sqlite3",
                "gradiosession/settings.py",
                "file:///etc/passwd",
                "http://127.0.0.1:1/",
                "http://localhost:1/",
                "http://169.254.169.254/latest/meta-data",
                "http://[::1]:1/",
                "http://[",
                "http://",
                "https://0x7f000001/",
                "//evil.example/x",
                "\\\\evil\\x",
            ]
        )
    ),
    *(
        get(f"proxy-{number}", f"{API}/proxy={url}")
        for number, url in enumerate(
            ["http://127.0.0.1:1/", "https://evil.example/", "x", "http://[", "file:///etc/passwd"]
        )
    ),
    *(
        get(f"asset-{number}", path)
        for number, path in enumerate(
            [
                "/static/..%2f..%2f..%2fetc/passwd",
                "/static/%2e%2e/%2e%2e/routes.py",
                "/assets/..%5c..%5croutes.py",
                "/assets/%00",
                "/svelte/..%2froutes.py",
                "/static/",
                f"{API}/custom_component/x/client/..%2f..%2fetc/passwd",
                f"{API}/custom_component/x/server/component/%2e%2e",
                f"{API}/custom_component/x/other/component/index.js",
                "/pwa_icon/x",
            ]
        )
    ),
    # Uploads.
    upload("not-a-form", b"x", "text/plain"),
    upload("without-a-kind", b"x", ""),
    upload("without-a-boundary", b"x", "multipart/form-data"),
    upload(
        "of-another-boundary", form(('name="files"; filename="a"', b"x")).replace(b"--x", b"--y")
    ),
    upload("without-a-name", form(('filename="a"', b"x"))),
    upload("a-field-for-a-file", form(('name="files"', b"x"))),
    upload("1001-files", form(*[('name="files"; filename="a"', b"x")] * 1001)),
    upload("1001-fields", form(*[('name="a"', b"x")] * 1001)),
    upload("a-long-head", form((f'name="files"; filename="{"a" * 20_000}"', b"x"))),
]


@pytest.fixture(scope="module")
def bob(ours: Target) -> Iterator[Person]:
    ours.bob.post(JOIN, GOOD)
    yield ours.bob


@pytest.fixture(scope="module")
def names(bob: Person) -> dict[str, str]:
    return {
        "{file}": f"{API}/file={bob.upload(b'a file')}",
        '"{html}"': str(bob.component("html")),
        '"{explorer}"': str(bob.component("explorer")),
        "{editor}": str(bob.component("editor")),
        '"{of the page}"': str(
            next(d["id"] for d in bob.config["dependencies"] if not d["backend_fn"])
        ),
    }


def refused(answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500, answer.text[:500]
    said(answer)
    assert answer.headers["content-type"].split(";")[0] in (
        "application/json",
        "application/problem+json",
    ), answer.text[:200]
    assert answer.json()


def said(answer: httpx.Response) -> None:
    assert answer.status_code < 500
    assert len(answer.text) < 1000, answer.text[:1000]
    for word in INSIDE:
        assert word not in answer.text, answer.text


@pytest.mark.parametrize(("method", "path", "more"), ROWS)
def test_it_is_refused_in_a_few_words(
    bob: Person, names: dict[str, str], method: str, path: str, more: dict[str, Any]
) -> None:
    content = more.get("content", b"")
    for name, value in names.items():
        path = path.replace(name, value)
        content = content.replace(name.encode(), value.encode())
    if method == "POST":
        more = more | {"content": content}
    refused(bob.client.request(method, path, **more))
