"""Streams that pass through another process, whose messages may be sent several at a time."""

import asyncio
import re
from typing import Any

import orjson
import pytest
from starlette.types import Message, Receive, Scope, Send

from gradio_ui.cluster import lost
from gradio_ui.cluster.listener import CUT, HANDED_OVER
from gradio_ui.cluster.relayed import Relayed, RelayedCall, RelayedEvents, RelayedHeartbeat
from gradio_ui.cluster.streams import Streams
from tests.servers import BASE_DIR

SCOPE: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
EVENTS = [f"{digit * 32}-{digit * 32}" for digit in "abc"]
START: Message = {"type": "http.response.start", "status": 200, "headers": []}


def line(msg: str, event: str = "") -> bytes:
    return (
        b"data: " + orjson.dumps({"msg": msg, **({"event_id": event} if event else {})}) + b"\n\n"
    )


def part(*lines: bytes, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": b"".join(lines), "more_body": more}


class Client:
    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.left: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    async def receive(self) -> Message:
        return await asyncio.shield(self.left)

    async def send(self, message: Message) -> None:
        self.heard += [said for said in lost.messages(message.get("body", b"")) if said.strip()]

    def has(self, *lines: bytes) -> bool:
        return self.heard == list(lines)


async def test_all_that_runs_has_failed_when_its_process_has_gone() -> None:
    client = Client()
    answer = RelayedEvents(SCOPE, client.send)
    await answer(START)
    await answer(part(line("process_starts", EVENTS[0]), line("process_starts", EVENTS[1])))
    await answer(part(line("process_completed", EVENTS[0]), line("process_starts", EVENTS[2])))
    assert await answer.cut()
    told = [orjson.loads(said.removeprefix(b"data: ")) for said in client.heard[4:]]
    # `None`: those that only the page knows of.
    assert [message.get("event_id") for message in told] == [*EVENTS[1:], None, None]
    assert told[-1]["msg"] == "close_stream" and not any(one.get("success") for one in told)


async def test_a_stream_that_was_closed_with_its_last_event_has_ended() -> None:
    client = Client()
    answer = RelayedEvents(SCOPE, client.send)
    await answer(START)
    ended = (line("process_completed", EVENTS[0]), line("close_stream"))
    await answer(part(line("process_starts", EVENTS[0]), *ended))
    assert await answer.cut()
    assert client.has(line("process_starts", EVENTS[0]), *ended)


@pytest.mark.parametrize("kind", [RelayedEvents, RelayedCall])
async def test_who_listens_to_a_process_that_is_silent_is_told_so(kind: type[Relayed]) -> None:
    client = Client()
    answer = kind(SCOPE, client.send)
    assert not await answer.silent()
    await answer(START)
    await answer(part(line("process_starts", EVENTS[0])))
    assert await answer.silent()
    assert lost.SILENT in client.heard[-1].decode() and len(client.heard) == 2


async def test_a_page_takes_the_silence_of_a_process_for_that_of_nginx() -> None:
    script = (BASE_DIR / "gradio_ui/static/gradio_ui/shell/requests.js").read_text()
    found = re.search(r"^const CUT = '(.*)';$", script, re.M)
    assert found and lost.cut(SCOPE).startswith(found[1].encode())


async def test_a_heartbeat_goes_on_without_a_process_that_is_silent() -> None:
    answer = RelayedHeartbeat(SCOPE, Client().send)
    await answer(START)
    assert not await answer.silent()


@pytest.mark.parametrize("has_events", [True, False])
async def test_a_page_that_was_refused_its_stream_asks_for_its_beginning(has_events: bool) -> None:
    streams, client = Streams(lambda page: has_events), Client()

    async def here(receive: Receive, send: Send) -> None:
        await send(START)
        await send(part(line("process_starts", EVENTS[0]), more=False))

    scope = {**SCOPE, "headers": [(b"last-event-id", b"0")]}
    await streams.kept("page", scope, here)(client.receive, client.send)
    assert client.has(line("process_starts", EVENTS[0])) is has_events
    assert any(b"close_stream" in said for said in client.heard) is not has_events


async def test_a_page_gets_what_it_has_not_got_of_what_was_sent_together() -> None:
    streams, going_on = Streams(lambda page: True), asyncio.Event()
    said = [line("process_generating", EVENTS[0])] * 3
    said += [line("process_completed", EVENTS[0]), line("close_stream")]

    def scope(**headers: str) -> Scope:
        return {
            **SCOPE,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            HANDED_OVER: "another",
        }

    async def here(receive: Receive, send: Send) -> None:
        await send(START)
        await send(part(*said[:3]))
        await going_on.wait()
        await send(part(*said[3:], more=False))

    async def listen(client: Client, **headers: Any) -> None:
        await streams.kept("page", scope(**headers), here)(client.receive, client.send)

    first, second = Client(), Client()
    stream = asyncio.create_task(listen(first))
    await asyncio.sleep(0)
    first.left.set_result({"type": "http.disconnect", CUT: True})
    again = asyncio.create_task(listen(second, **{"last-event-id": "2"}))
    await asyncio.sleep(0)
    going_on.set()
    async with asyncio.timeout(5):
        await asyncio.gather(stream, again)
    assert first.has(*said[:3]) and second.has(*said[2:])


async def test_what_was_handed_over_announces_no_length() -> None:
    """Whoever passes it on may have to say something else at its end."""
    streams, heard = Streams(lambda page: True), []
    length = (b"content-length", b"1")

    async def here(receive: Receive, send: Send) -> None:
        await send({**START, "headers": [length, (b"content-type", b"text/event-stream")]})
        await send(part(line("close_stream"), more=False))

    async def send(message: Message) -> None:
        heard.append(message)

    for scope in (SCOPE, {**SCOPE, HANDED_OVER: "another"}):
        await streams.kept("page", scope, here)(Client().receive, send)
    starts = [message["headers"] for message in heard if message["type"] == START["type"]]
    assert [length in headers for headers in starts] == [True, False]
    assert [len(headers) for headers in starts] == [2, 1]
