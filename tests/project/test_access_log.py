import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from gradiosession import logs
from gradiosession.logs import AccessLog, App, Message, Receive, Scope, Send, shown_path

Lines = list[dict[str, Any]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What the access log would print as JSON."""
    found: Lines = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(json.loads(self.format(record)))

    handler = Collect()
    config = logs.config("json", "INFO")["formatters"]["structlog"]
    formatter = config.pop("()")
    handler.setFormatter(formatter(**config))
    logger = logging.getLogger("gradiosession.access")
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def call(
    app: App, *, headers: list[tuple[bytes, bytes]] | None = None, **scope: Any
) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    base = {"type": "http", "method": "GET", "path": "/", "headers": headers or []}
    await AccessLog(app)({**base, **scope}, receive, send)
    return sent


def sent_id(sent: list[Message]) -> str:
    ids = [value for name, value in sent[0]["headers"] if name == b"x-request-id"]
    assert len(ids) == 1
    return bytes(ids[0]).decode()


async def test_a_request_is_one_line_with_what_inner_layers_noted(lines: Lines) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["log"] |= {"user_id": 7, "session": "abcdefgh", "app": "hello"}
        await answer(scope, receive, send)

    sent = await call(app, path="/gradio/hello/", query_string=b"token=secret", method="POST")
    [line] = lines
    assert line["duration_ms"] >= 0
    expected = {
        "event": "request",
        "level": "info",
        "method": "POST",
        "path": "/gradio/hello/",
        "status": 204,
        "user_id": 7,
        "session": "abcdefgh",
        "app": "hello",
        "request_id": sent_id(sent),
        "client": "",
    }
    assert line == expected | {key: line[key] for key in ("duration_ms", "timestamp", "logger")}


async def test_a_well_formed_request_id_is_kept(lines: Lines) -> None:
    sent = await call(answer, headers=[(b"x-request-id", b"Trace-1.b_c9")])
    assert sent_id(sent) == lines[0]["request_id"] == "Trace-1.b_c9"


@pytest.mark.parametrize(
    "given", [b"", b"short", b"has space in", b"line\nbreak-1", b"x" * 129, "ünïcödé1".encode()]
)
async def test_another_request_id_is_replaced(lines: Lines, given: bytes) -> None:
    sent = await call(answer, headers=[(b"x-request-id", given)])
    assert sent_id(sent) == lines[0]["request_id"]
    assert len(sent_id(sent)) == 32


async def test_two_requests_have_two_ids(lines: Lines) -> None:
    await call(answer)
    await call(answer)
    assert lines[0]["request_id"] != lines[1]["request_id"]


async def test_lines_written_during_a_request_carry_its_id(
    lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        logs.access.info("inside")
        await answer(scope, receive, send)

    await call(app)
    assert [line["event"] for line in lines] == ["inside", "request"]
    assert lines[0]["request_id"] == lines[1]["request_id"]


async def test_an_exception_is_a_line_with_500_and_goes_on_to_the_server(lines: Lines) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("secret detail")

    with pytest.raises(LookupError):
        await call(app, path="/broken")
    [line] = lines
    assert (line["status"], line["level"], line["ended"]) == (500, "error", "LookupError")
    assert "secret detail" not in json.dumps(line)


async def test_a_client_that_leaves_before_the_answer_is_a_line(lines: Lines) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.disconnect"

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError("nothing is sent")

    scope = {"type": "http", "method": "GET", "path": "/slow", "headers": []}
    await AccessLog(app)(scope, gone, send)
    assert (lines[0]["status"], lines[0]["ended"]) == (499, "client gone")


async def test_a_cancelled_stream_is_a_line_with_the_status_it_began_with(lines: Lines) -> None:
    started = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(call(app, path="/stream"))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (lines[0]["status"], lines[0]["ended"]) == (200, "cancelled")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/gradio/assistant/", "/gradio/assistant/"),
        (
            "/gradio/a-name-of-more-than-twenty-letters/",
            "/gradio/a-name-of-more-than-twenty-letters/",
        ),
        (
            "/static/css/site.0123456789abcdef01234567.css",
            "/static/css/site.0123456789abcdef01234567.css",
        ),
        ("/api/sessions", "/api/sessions"),
        ("/admin/auth/user/12/change/", "/admin/auth/user/12/change/"),
        # session ids
        ("/api/sessions/k3j2h5g6f7d8s9a0q1w2e3r4t5y6u7i8", "/api/sessions/k3j2h5g6…"),
        ("/admin/x/k3j2h5g6f7d8s9a0q1w2e3r4t5y6u7i8/change/", "/admin/x/k3j2h5g6…/change/"),
        # Gradio's session hashes, event ids and file paths
        ("/gradio/a/gradio_api/heartbeat/x1y2z3", "/gradio/a/gradio_api/heartbeat/…"),
        ("/gradio/a/gradio_api/call/predict/0a1b2c3d", "/gradio/a/gradio_api/call/predict/…"),
        ("/gradio/a/gradio_api/call/predict", "/gradio/a/gradio_api/call/predict"),
        ("/gradio/a/gradio_api/file=/data/u/1/report.csv", "/gradio/a/gradio_api/file=…"),
        ("/gradio/a/gradio_api/stream/x1/2/3/playlist.m3u8", "/gradio/a/gradio_api/stream/…"),
        # what allauth mails
        ("/accounts/password/reset/key/1-c8f2k-9a8b7c/", "/accounts/password/reset/key/…"),
        ("/accounts/confirm-email/MQ:1tX:abc/", "/accounts/confirm-email/…"),
        # names of session keys
        ("/api/session/data/diagnosis", "/api/session/data/…"),
        # a forged second line, a terminal's escape sequence, a flood
        ("/a\nlevel=error", "/a\N{REPLACEMENT CHARACTER}level=error"),
        ("/\x1b[31m", "/\N{REPLACEMENT CHARACTER}[31m"),
        ("/" + "a" * 5000, "/" + "a" * 299 + "…"),
    ],
)
def test_a_path_is_shown_without_what_must_stay_secret(path: str, shown: str) -> None:
    assert shown_path(path) == shown


async def test_lifespan_and_unknown_scopes_pass_through(lines: Lines) -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    await call(app, type="lifespan")
    assert seen == ["lifespan"]
    assert lines == []
