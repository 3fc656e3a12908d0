"""The short way of an event (`gradio_ui.compat.direct`) and the long one are the same, but for the
time they take."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr
import httpx
import pytest
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gradio_ui import compat
from gradio_ui.compat.direct import Direct
from gradio_ui.mount import Mount, mount_all
from gradio_ui.registry import register

compat.prepare()

API = "/gradio/simple/gradio_api"
BODY = {"data": ["hello"], "fn_index": 0, "session_hash": "page"}


class User:
    def get_username(self) -> str:
        return "ada"


seen: list[gr.Request] = []
# Of the present test, for it belongs to an event loop.
go_on: asyncio.Event


def echo(text: str, request: gr.Request) -> str:
    seen.append(request)
    return text


async def slow(text: str) -> AsyncIterator[str]:
    yield "first"
    await go_on.wait()
    yield "second"


async def slower(text: str) -> str:
    await go_on.wait()
    return text


def build() -> gr.Blocks:
    with gr.Blocks() as demo:
        text = gr.Textbox()
        text.submit(echo, text, text, api_name="echo")
        text.change(slow, text, text, api_name="slow")
        text.blur(slower, text, text, api_name="slower")
    return demo


@pytest.fixture
async def mount(empty_registry: None) -> AsyncIterator[Mount]:
    global go_on
    register("simple")(build)
    (mount,) = mount_all().values()
    assert mount.failure is None and mount.app is not None
    seen.clear()
    go_on = asyncio.Event()
    async with mount.app.router.lifespan_context(mount.app):
        yield mount


def ways(mount: Mount) -> tuple[ASGIApp, ASGIApp]:
    assert mount.app is not None and isinstance(mount.direct, Direct)
    return mount.direct, mount.app.router


def admitted(app: ASGIApp, root: str = "") -> ASGIApp:
    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        path = root + scope["path"]
        await app({**scope, "user": User(), "root_path": root, "path": path}, receive, send)

    return known


def client(app: ASGIApp) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://site.test")


def without_ids(text: str) -> str:
    return re.sub(r'"event_id":"\w+"|"\w*(duration|avg_time|eta)":[^,}]+', "", text)


async def answers(app: ASGIApp, **asked: Any) -> list[tuple[int, str, str]]:
    """To an event and its stream."""
    async with client(app) as asking:
        found = [await asking.post(f"{API}/queue/join", **asked)]
        if found[0].status_code == 200:
            found.append(await asking.get(f"{API}/queue/data", params={"session_hash": "page"}))
    return [(one.status_code, one.headers["content-type"], without_ids(one.text)) for one in found]


JSON = "application/json"
AS_JSON = {"Content-Type": JSON}
ASKED: dict[str, tuple[int, dict[str, Any]]] = {
    "event": (200, {"json": BODY}),
    "with a charset": (
        200,
        {
            "content": json.dumps(BODY),
            "headers": {"Content-Type": "application/json; charset=utf-8"},
        },
    ),
    "not JSON": (422, {"content": "{", "headers": AS_JSON}),
    "JSON that does not say so": (422, {"content": json.dumps(BODY)}),
    "no data": (422, {"json": {"fn_index": 0, "session_hash": "page"}}),
    "an odd number": (422, {"json": BODY | {"fn_index": "x"}}),
    "no page": (400, {"json": BODY | {"session_hash": None}}),
    "an unknown function": (500, {"json": BODY | {"fn_index": 99}}),
}


@pytest.mark.parametrize(("status", "asked"), ASKED.values(), ids=ASKED.keys())
async def test_the_answers_are_the_same(mount: Mount, status: int, asked: dict[str, Any]) -> None:
    short, long = [await answers(admitted(way), **asked) for way in ways(mount)]
    assert short == long
    assert short[0][0] == status


async def test_a_full_queue_says_so(mount: Mount) -> None:
    assert mount.blocks is not None
    mount.blocks._queue.max_size = 0
    short, long = [await answers(admitted(way), json=BODY) for way in ways(mount)]
    assert short == long
    assert short[0][0] == 503 and "Queue is full" in short[0][2]


@pytest.mark.parametrize("root", ["", "/below"])
async def test_a_function_sees_the_same_request(mount: Mount, root: str) -> None:
    for way in ways(mount):
        assert (await answers(admitted(way, root), json=BODY))[0][0] == 200
    short, long = (request.request for request in seen)
    assert short is not None and long is not None
    # What FastAPI notes for itself, and Starlette for the errors of an app.
    own = {key for key in long.scope if key.startswith(("fastapi", "starlette."))}
    assert short.scope.keys() == long.scope.keys() - own
    for key in short.scope.keys() - {"headers", "state", "user", "client"}:
        assert short.scope[key] == long.scope[key], key
    assert short.url == long.url and short.base_url == long.base_url
    assert str(short.url_for("queue_data")) == str(long.url_for("queue_data"))
    assert await short.json() == await long.json() == BODY
    assert [request.username for request in seen] == ["ada", "ada"]


async def test_nobody_gets_in_without_a_user_from_the_gate(mount: Mount) -> None:
    for way in ways(mount):
        assert (await answers(way, json=BODY))[0][0] == 401
        async with client(way) as asking:
            answer = await asking.get(f"{API}/queue/data", params={"session_hash": "page"})
        assert answer.status_code == 401


async def test_asking_for_the_head_of_a_stream_takes_nothing_out_of_it(mount: Mount) -> None:
    short = admitted(ways(mount)[0])
    async with client(short) as asking:
        await asking.post(f"{API}/queue/join", json=BODY)
        answer = await asking.head(f"{API}/queue/data", params={"session_hash": "page"})
        assert answer.status_code == 405
        answer = await asking.get(f"{API}/queue/data", params={"session_hash": "page"})
        assert "process_completed" in answer.text


async def test_a_client_that_has_gone_is_no_error(mount: Mount) -> None:
    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError

    async with client(admitted(ways(mount)[0])) as asking:
        await asking.post(f"{API}/queue/join", json=BODY)
    with pytest.raises(ClientDisconnect):
        await streamed(ways(mount)[0], send)


async def streamed(app: ASGIApp, send: Send) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"{API}/queue/data",
        "query_string": b"session_hash=page",
        "headers": [(b"host", b"site.test")],
        "scheme": "http",
        "server": ("site.test", 80),
        "root_path": "",
        "asgi": {"spec_version": "2.4"},
        "user": User(),
    }

    async def receive() -> Message:
        return await asyncio.Future()

    await app(scope, receive, send)


def into(sent: list[Message]) -> Send:
    async def send(message: Message) -> None:
        sent.append(message)

    return send


def said(sent: list[Message]) -> list[list[str]]:
    """The messages, as they were sent together."""
    bodies = [message["body"].decode() for message in sent if message["type"].endswith(".body")]
    return [re.findall(r'data: \{"msg":"(\w+)"', body) for body in bodies if body]


async def begun(mount: Mount, function: int) -> tuple[asyncio.Future[None], list[Message]]:
    """The stream of an event, and what it sends."""
    async with client(admitted(ways(mount)[0])) as asking:
        await asking.post(f"{API}/queue/join", json=BODY | {"fn_index": function})
    sent: list[Message] = []
    return asyncio.ensure_future(streamed(ways(mount)[0], into(sent))), sent


async def test_what_is_there_together_is_sent_together(mount: Mount) -> None:
    async with client(admitted(ways(mount)[0])) as asking:
        await asking.post(f"{API}/queue/join", json=BODY)
        await wait_for_messages(mount, 3)
        sent: list[Message] = []
        await streamed(ways(mount)[0], into(sent))
    together = ["estimation", "process_starts", "process_completed", "close_stream"]
    assert said(sent) == [together]
    assert [message.get("more_body") for message in sent] == [None, False]
    assert length_of(sent) == len(sent[1]["body"])


async def test_what_an_event_waits_for_is_told_after_a_moment(mount: Mount) -> None:
    stream, sent = await begun(mount, 2)
    async with asyncio.timeout(10):
        while not sum(said(sent), []):
            await asyncio.sleep(0.01)
        assert said(sent) == [["estimation", "process_starts"]] and not stream.done()
        assert length_of(sent) is None
        go_on.set()
        await stream
    assert said(sent)[1:] == [["process_completed", "close_stream"]]


async def test_an_answer_begins_after_a_moment_with_nothing_to_say(mount: Mount) -> None:
    assert mount.blocks is not None
    messages = mount.blocks._queue.pending_messages_per_session
    messages["page"] = asyncio.Queue()
    sent: list[Message] = []
    stream = asyncio.ensure_future(streamed(ways(mount)[0], into(sent)))
    async with asyncio.timeout(10):
        while not sent:
            await asyncio.sleep(0.01)
    assert [message["type"] for message in sent] == ["http.response.start"]
    stream.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stream


async def test_a_client_that_is_slow_gets_everything_in_its_order(mount: Mount) -> None:
    sent: list[Message] = []
    takes = asyncio.Event()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            await takes.wait()
        sent.append(message)

    async with client(admitted(ways(mount)[0])) as asking:
        await asking.post(f"{API}/queue/join", json=BODY | {"fn_index": 2})
        stream = asyncio.ensure_future(streamed(ways(mount)[0], send))
        await asyncio.sleep(0.1)  # its beginning is on its way
        await asking.post(f"{API}/queue/join", json=BODY | {"fn_index": 2})
        await asyncio.sleep(0.1)  # and the news of the second event would be
    takes.set()
    go_on.set()
    async with asyncio.timeout(10):
        await stream
    assert [message["type"] for message in sent[:2]] == [
        "http.response.start",
        "http.response.body",
    ]
    assert sum(said(sent), []).count("process_completed") == 2
    assert said(sent)[0] == ["estimation", "process_starts"]


async def test_nothing_that_has_been_said_waits_for_the_next_message(mount: Mount) -> None:
    stream, sent = await begun(mount, 1)
    async with asyncio.timeout(10):
        while sum(said(sent), [])[-1:] != ["process_generating"]:
            await asyncio.sleep(0.01)
        assert not stream.done()
        go_on.set()
        await stream
    assert sum(said(sent), [])[-1] == "close_stream"


def length_of(sent: list[Message]) -> int | None:
    """As the answer has announced it."""
    found = dict(sent[0]["headers"]).get(b"content-length")
    return int(found) if found else None


async def wait_for_messages(mount: Mount, count: int) -> None:
    assert mount.blocks is not None
    async with asyncio.timeout(10):
        while mount.blocks._queue.pending_messages_per_session["page"].qsize() < count:
            await asyncio.sleep(0.01)
