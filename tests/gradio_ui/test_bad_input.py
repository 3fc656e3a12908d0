"""What no client of Gradio's would send is answered with a short 4xx."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gradio_ui.people import API, PROBLEM, Person
from tests.gradio_ui.test_files import upload

DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture(autouse=True)
def quiet(ada: Person, bob: Person) -> Iterator[None]:
    """ada's state is the same afterwards."""
    page = uuid4().hex[:12]
    ada.call(page, "keep", "first", None)
    yield
    assert ada.call(page, "keep", "second", None)[1] == ["first", "second"]


def short(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, (answer.status_code, answer.text[:500])
    assert answer.headers["content-type"] == PROBLEM
    assert len(answer.content) < 600
    assert answer.json()["status"] == answer.status_code
    for word in ("Traceback", "postgres", "/tmp/", "site-packages"):
        assert word not in answer.text


JSON_ROUTES = [
    "queue/join",
    "run/keep",
    "api/keep",
    "call/keep",
    "call/v2/keep",
    "cancel",
    "reset",
    "component_server",
    "stream/x",
]


@pytest.mark.parametrize("path", JSON_ROUTES)
def test_bodies(bob: Person, path: str) -> None:
    deep_in_data = '{"data": ' + DEEP + "}"
    for body in (b"{", b"\xff\xfe", b"[]", b"7", b'"text"', b"null", deep_in_data.encode()):
        for kind in ("application/json", "text/plain"):
            headers = {"Content-Type": kind}
            answer = bob.client.post(f"{API}/{path}", content=body, headers=headers)
            short(answer, 400, 403)
    nested: Any = []
    for _ in range(150):
        nested = [nested]
    short(bob.post(path, data=nested, session_hash="s"), 400)
    short(bob.client.post(f"{API}/{path}", content=b" " * 2_000_000), 413)
    # The same, without saying so beforehand.
    stream = (b" " * 100_000 for _ in range(20))
    short(bob.client.post(f"{API}/{path}", content=stream), 413)
    # And Gradio would repeat what was sent.
    short(bob.post(path, data="x" * 900_000, event_id=7), 400, 403, 422)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = {
    "data": st.just(["word", None]),
    "fn_index": st.integers(0, 12),
    "session_hash": st.just("typed"),
    "event_id": st.just("any"),
    "trigger_id": st.integers(0, 30),
    "event_data": st.none(),
    "batched": st.booleans(),
    "simple_format": st.booleans(),
    "component_id": st.integers(0, 30),
    "fn_name": st.sampled_from(["ls", "preprocess", "__init__"]),
    "oauth_token": st.text(max_size=8),
}


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=st.sampled_from(JSON_ROUTES),
    body=st.fixed_dictionaries({}, optional={k: v | ANYTHING for k, v in NAMES.items()}),
)
def test_values_of_any_type(bob: Person, path: str, body: dict[str, Any]) -> None:
    content = json.dumps(body)
    answer = bob.client.post(f"{API}/{path}", content=content)
    if answer.status_code != 200:
        short(answer, *range(400, 500))


@pytest.mark.parametrize("index", [99999, -1, "99999", 1e300, "x", [1], {"a": 1}])
def test_functions(bob: Person, index: object) -> None:
    for path in ("queue/join", "run/keep"):
        page = uuid4().hex[:12]
        short(bob.post(path, data=["", None], fn_index=index, session_hash=page), 404)
    short(bob.post("run/no-such-function", data=[]), 404)
    short(bob.post("call/no-such-function", data=[]), 404)
    short(bob.post("call/v2/no-such-function", data=[]), 404)


def test_arguments(bob: Person) -> None:
    short(bob.post("call/v2/paint", nonsense=1), 400, 422)
    short(bob.post("call/v2/paint"), 400, 422)
    short(bob.post("queue/join", session_hash="s", fn_index=0), 422)
    short(bob.post("queue/join", data={"a": 1}, session_hash=uuid4().hex), 422)
    short(bob.post("call/keep", data="x" * 100_000), 422)


def test_arguments_may_have_names_of_gradios(bob: Person) -> None:
    arguments = {"event_id": "any", "component_id": "none", "session_hash": "x" * 200}
    answer = bob.post("call/v2/describe", **arguments)
    assert answer.status_code == 200, answer.text
    answer = bob.client.get(f"{API}/call/v2/describe/{answer.json()['event_id']}")
    assert f"any none {'x' * 200}" in answer.text
    # Beside them in a body they are of no function at all.
    answer = bob.post("call/describe", data=["a", "b", "c"], fn_index=99999, component_id="none")
    answer = bob.client.get(f"{API}/call/describe/{answer.json()['event_id']}")
    assert "a b c" in answer.text


@pytest.mark.parametrize("number", [99999, -1, "x", None, [1], 1.5])
def test_components(bob: Person, number: object) -> None:
    page = uuid4().hex[:12]
    body = {"data": [], "component_id": number, "fn_name": "ls", "session_hash": page}
    short(bob.post("component_server", **body), 404)
    form = {"component_id": str(number), "fn_name": "ls", "session_hash": page}
    short(bob.client.post(f"{API}/component_server", data=form, files={"f": b"x"}), 404)


def test_forms(bob: Person) -> None:
    path = f"{API}/component_server"
    multipart = {"Content-Type": "multipart/form-data; boundary=b"}
    for body in (b"", b"--b\r\n\r\nx\r\n--b--", b"nonsense"):
        answer = bob.client.post(path, content=body, headers=multipart)
        # Of some daphne says so itself, without a word.
        assert answer.status_code == 400 and len(answer.content) < 600
    no_boundary = {"Content-Type": "multipart/form-data"}
    assert bob.client.post(path, content=b"x", headers=no_boundary).status_code == 400
    short(bob.client.post(path, data={"session_hash": "s"}, files={"f": b"x"}), 400)


@pytest.mark.parametrize("given", ["bytes=0-1-2", "bytes=a-b", "bytes=-", "bytes=²-³", "bytes="])
def test_ranges(bob: Person, given: str) -> None:
    path = upload(bob, data=b"0123456789")
    headers = {"Range": given.encode("latin-1").decode("latin-1")}
    answer = bob.client.get(f"{API}/file={path}", headers={"Range": headers["Range"].encode()})  # type: ignore[dict-item]
    short(answer, 400, 416)


def test_good_ranges(bob: Person) -> None:
    path = upload(bob, data=b"0123456789")

    def part(given: str) -> tuple[int, str]:
        answer = bob.client.get(f"{API}/file={path}", headers={"Range": given})
        return answer.status_code, answer.text

    assert part("bytes=2-4") == (206, "234")
    assert part("bytes=7-") == (206, "789")
    assert part("bytes=-2") == (206, "89")
    assert part("bytes=0-1,4-5") == (200, "0123456789")
    assert part("bytes=50-60")[0] == 416


def test_uploads(bob: Person) -> None:
    path = f"{API}/upload"
    short(bob.client.post(path, content=b"x"), 400)
    short(bob.client.post(path, files=[("files", ("a", b"x"))] * 1001), 413)
    short(bob.client.post(path, files={"files": ("big", b"x" * 3_000_000)}), 413)
    short(bob.client.post(path, data={"files": "text"}, files={"other": b"x"}), 400)
    for name in ("../../evil", "..", "a/../b", ".", "a/", "..\\evil"):
        short(bob.client.post(path, files={"files": (name, b"x")}), 400)
    # Text beside a file whose progress is watched.
    upload_id = uuid4().hex[:12]
    answer = bob.client.post(
        f"{path}?upload_id={upload_id}", data={"note": "x"}, files={"files": ("a.txt", b"x")}
    )
    assert answer.status_code == 200
    short(bob.client.post(f"{path}?upload_id={'x' * 10_000}", files={"files": b"x"}), 400)


def test_unknown_uploads_and_events(bob: Person) -> None:
    short(bob.get("upload_progress", upload_id=uuid4().hex), 404)
    short(bob.get("upload_progress"), 422)
    short(bob.get("queue/data"), 422)
    short(bob.get("queue/data", session_hash=uuid4().hex), 404)
    short(bob.get("stream/none/none/1/playlist.m3u8"), 404)
    short(bob.get("stream/none/none/99999999999999999999/playlist.m3u8"), 404)


def test_an_exception_is_told_nobody_and_an_error_meant_for_the_user_is(bob: Person) -> None:
    for name in ("fail_with", "validated"):
        page = uuid4().hex[:12]
        joined = bob.join(page, name, "secret")
        said = joined.text + (bob.data(page).text if joined.status_code == 200 else "")
        assert "postgres" not in said
        told = bob.join(page, name, "told")
        said = told.text + (bob.data(page).text if told.status_code == 200 else "")
        assert "A word for the user." in said
    answer = bob.post("run/fail_with", data=["secret"])
    assert answer.json() == {"error": None}
    answer = bob.post("run/fail_with", data=["told"])
    assert answer.json()["error"] == "A word for the user."
    assert json.loads(answer.text)
