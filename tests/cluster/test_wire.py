"""The private connection, without Gradio: two ends in one process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings
from starlette.types import Message, Receive, Scope, Send

from gradio_ui.cluster import wire
from gradio_ui.cluster.arriving import Arriving
from gradio_ui.cluster.claims import Holder
from gradio_ui.cluster.connecting import Connecting, Unreachable
from gradio_ui.cluster.handover import Cut, HandOver, NotTaken, NotTheirs, Unanswered
from gradio_ui.cluster.listener import HANDED_OVER, Holds, Listener

HERE, THERE = "a" * 12, "b" * 12
SCOPE: Scope = {
    "type": "http",
    "method": "POST",
    "path": "/x",
    "raw_path": b"/x",
    "query_string": b"a=%20",
    "headers": [(b"x-twice", b"1"), (b"x-twice", b"\xff")],
    "client": ("10.0.0.9", 99),
    "server": ("site", 80),
    "scheme": "https",
    "http_version": "1.1",
    "root_path": "",
    "user": object(),
}


class Client:
    """Who has sent the request: its body, and what it was answered."""

    def __init__(self, *body: bytes) -> None:
        self.left = asyncio.Event()
        self.answer: list[Message] = []
        self._body = list(body)

    async def receive(self) -> Message:
        if self._body:
            chunk = self._body.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(self._body)}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.answer.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.answer)


App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [*scope["headers"], (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        await send({**message, "type": "http.response.body", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def holds(name: str) -> bool:
    return name != "page:of another"


@asynccontextmanager
async def door(
    directory: Path, app: App, address: str = "", holds: Holds = holds
) -> AsyncIterator[Holder]:
    listener = Listener(address or f"unix:{directory}", THERE, app, holds)
    try:
        yield Holder(THERE, await listener.start())
    finally:
        await listener.stop()


async def hand_over(connecting: Connecting, holder: Holder, client: Client, name: str = "") -> bool:
    channel = await connecting.to(holder)
    first = await client.receive()
    is_free = False
    try:
        is_free = await HandOver(channel, first, client.receive, client.send).run(SCOPE, name, HERE)
    finally:
        if is_free:
            connecting.keep(holder, channel)
        else:
            channel.close()
    return is_free


@pytest.fixture(params=["unix", "tcp"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"unix:{tmp_path}" if request.param == "unix" else "tcp://127.0.0.1:0"


@pytest.fixture
async def connecting() -> AsyncIterator[Connecting]:
    found = Connecting()
    yield found
    found.close()


async def test_request_and_answer_arrive_as_they_were(
    tmp_path: Path, address: str, connecting: Connecting
) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await echo(scope, receive, send)

    body = [b"x" * 700_000, b"", b"yz" * 300_000]
    async with door(tmp_path, app, address) as holder:
        for _ in range(3):  # the last two on the same connection
            client = Client(*body)
            assert await hand_over(connecting, holder, client)
            assert client.body == b"".join(body)
            assert client.answer[0]["status"] == 201
            assert [tuple(item) for item in client.answer[0]["headers"]] == [
                *SCOPE["headers"],
                (b"set-cookie", b"a=1"),
                (b"set-cookie", b"b=2"),
            ]
    for key in SCOPE.keys() - {"user"}:
        assert seen[0][key] == SCOPE[key], key
    # What the other process has concluded is not believed.
    assert "user" not in seen[0]
    assert seen[0][HANDED_OVER] == HERE


async def test_a_connection_is_used_again_though_the_app_still_waits_on_it(
    tmp_path: Path, connecting: Connecting
) -> None:
    waiting: list[asyncio.Task[Message]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await echo(scope, receive, send)
        waiting.append(asyncio.create_task(receive()))  # type: ignore[arg-type]
        await asyncio.sleep(0)

    async with door(tmp_path, app) as holder:
        for number in range(5):
            client = Client(b"%d" % number)
            assert await hand_over(connecting, holder, client)
            assert client.body == b"%d" % number
    heard = await asyncio.gather(*waiting)
    assert [message["type"] for message in heard] == ["http.disconnect"] * 5


async def test_an_idle_connection_that_was_closed_is_not_used(
    tmp_path: Path, connecting: Connecting
) -> None:
    async with door(tmp_path, echo) as holder:
        assert await hand_over(connecting, holder, Client(b"1"))
    async with door(tmp_path, echo) as holder:
        client = Client(b"2")
        assert await hand_over(connecting, holder, client)
        assert client.body == b"2"


async def test_a_client_that_leaves_has_left_there_too(
    tmp_path: Path, connecting: Connecting
) -> None:
    told = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        told.set()

    async with door(tmp_path, app) as holder:
        client = Client(b"")
        task = asyncio.create_task(hand_over(connecting, holder, client))
        await asyncio.sleep(0.05)
        client.left.set()
        await asyncio.wait_for(told.wait(), 5)
        assert await task


async def test_a_slow_client_slows_down_the_app(tmp_path: Path, connecting: Connecting) -> None:
    sent = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(500):
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
            sent += 1
        await send({"type": "http.response.body"})

    class Slow(Client):
        async def send(self, message: Message) -> None:
            await super().send(message)
            await self.left.wait()

    async with door(tmp_path, app) as holder:
        client = Slow(b"")
        task = asyncio.create_task(hand_over(connecting, holder, client))
        await asyncio.sleep(0.5)
        assert sent < 100
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_what_is_not_begun_is_told_from_what_was_cut(
    tmp_path: Path, connecting: Connecting
) -> None:
    begun = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.sleep(60)

    async with door(tmp_path, app) as holder:
        with pytest.raises(NotTheirs):
            await hand_over(connecting, holder, Client(b""), "page:of another")
        assert not begun.is_set()
        task = asyncio.create_task(hand_over(connecting, holder, Client(b"")))
        await begun.wait()
    with pytest.raises(Cut):
        await task
    with pytest.raises((NotTaken, Unreachable)):
        await hand_over(connecting, holder, Client(b""))


async def test_a_process_that_does_not_answer_may_have_begun(
    tmp_path: Path, connecting: Connecting, settings: Settings
) -> None:
    settings.GRADIO_UI_CLUSTER_PATIENCE = 0.3

    async def thinks(name: str) -> bool:
        await asyncio.sleep(60)
        return True

    async with door(tmp_path, echo, holds=thinks) as holder:
        with pytest.raises(Unanswered):
            await hand_over(connecting, holder, Client(b""), "page:x")


@pytest.mark.parametrize("has_begun", [False, True])
async def test_a_process_that_is_given_up_may_live(
    tmp_path: Path, address: str, connecting: Connecting, has_begun: bool
) -> None:
    asked, begun = asyncio.Event(), asyncio.Event()

    async def thinks(name: str) -> bool:
        asked.set()
        await asyncio.sleep(0 if has_begun else 60)
        return True

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.sleep(60)

    async with door(tmp_path, app, address, thinks) as holder:
        channel, client = await connecting.to(holder), Client(b"")
        work = HandOver(channel, await client.receive(), client.receive, client.send)
        task = asyncio.create_task(work.run(SCOPE, "page:x", HERE))
        await (begun if has_begun else asked).wait()
        channel.give_up()
        with pytest.raises(Unanswered):
            await task


async def test_the_system_watches_connections_between_machines(
    tmp_path: Path, connecting: Connecting, settings: Settings
) -> None:
    settings.GRADIO_UI_CLUSTER_PATIENCE = 6.0
    async with door(tmp_path, echo, "tcp://127.0.0.1:0") as holder:
        channel = await connecting.to(holder)
        end = channel._writer.get_extra_info("socket")
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 6000
        channel.close()


async def test_a_dead_process_refuses_and_another_at_its_address_too(
    tmp_path: Path, connecting: Connecting
) -> None:
    async with door(tmp_path, echo, "tcp://127.0.0.1:0") as holder:
        with pytest.raises(ConnectionRefusedError):
            await connecting.to(Holder("c" * 12, holder.address))
    with pytest.raises(ConnectionRefusedError):
        await connecting.to(holder)


async def test_a_killed_process_leaves_a_socket_that_refuses_and_is_removed(
    tmp_path: Path, connecting: Connecting
) -> None:
    left = tmp_path / f"{'d' * 12}.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(left))
    with pytest.raises(ConnectionRefusedError):
        await connecting.to(Holder("d" * 12, f"unix:{left}"))
    async with door(tmp_path, echo):
        assert not left.exists()


async def test_a_loop_that_stands_still_is_not_dead(
    tmp_path: Path, connecting: Connecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradio_ui.cluster.connecting.LIMIT", 0.3)

    gone = asyncio.Event()

    async def silent(reader: Any, writer: Any) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    server = await asyncio.start_unix_server(silent, tmp_path / "x.sock")
    with pytest.raises(Unreachable):
        await connecting.to(Holder(THERE, f"unix:{tmp_path / 'x.sock'}"))
    await gone.wait()
    server.close()


async def attempt(address: str, sent: Callable[[bytes], bytes]) -> bytes:
    """What a stranger hears after the greeting."""
    reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
    greeting = await reader.readexactly(len(wire._GREETING) + wire._NONCE)
    writer.write(sent(greeting))
    heard = await asyncio.wait_for(reader.read(100), 10)
    writer.close()
    return heard


async def test_a_stranger_is_told_nothing(tmp_path: Path) -> None:
    async with door(tmp_path, echo) as holder:
        rubbish = bytes(wire._NONCE) + THERE.encode() + bytes(wire._MAC)
        assert await attempt(holder.address, lambda _: rubbish) == b""


async def test_a_greeting_is_good_for_one_connection(tmp_path: Path) -> None:
    said: list[bytes] = []

    def honest(greeting: bytes) -> bytes:
        nonces = greeting[len(wire._GREETING) :] + bytes(wire._NONCE)
        proof = wire._proof(wire._keys()[0], b"client", nonces, THERE.encode())
        said.append(bytes(wire._NONCE) + THERE.encode() + proof)
        return said[0]

    async with door(tmp_path, echo) as holder:
        assert await attempt(holder.address, honest) != b""
        assert await attempt(holder.address, lambda _: said[0]) == b""


@pytest.mark.parametrize("fault", ["changed", "repeated"])
async def test_a_frame_that_is_changed_or_repeated_ends_the_connection(
    tmp_path: Path, connecting: Connecting, fault: str
) -> None:
    calls = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal calls
        calls += 1
        await echo(scope, receive, send)

    async with door(tmp_path, app) as holder:
        channel = await connecting.to(holder)
        written: list[bytes] = []
        write = channel._writer.write
        channel._writer.write = written.append  # type: ignore[method-assign]
        message = {"type": "http.request", "body": b"", "more_body": False}
        scope = {key: value for key, value in SCOPE.items() if key != "user"}
        opened = {"name": "", "by": HERE, "scope": scope, "body": message}
        channel.put(wire.Kind.OPEN, opened)
        frame = written[0]
        write(frame if fault == "repeated" else frame[:-1] + bytes([frame[-1] ^ 1]))
        with pytest.raises(wire.Broken):
            if fault == "repeated":
                while (await channel.receive())[0] is not wire.Kind.DONE:
                    pass
                write(frame)
            while True:
                await channel.receive()
        channel.close()
    assert calls == (fault == "repeated")


async def test_who_is_on_the_way_counts_until_the_answer_begins() -> None:
    arriving, said = Arriving(), []

    async def send(message: Message) -> None:
        said.append(message["type"])

    with arriving.counted("page:a", send) as first:
        with pytest.raises(LookupError), arriving.counted("page:a", send):
            raise LookupError
        assert "page:a" in arriving and "page:b" not in arriving
        for kind in ("http.response.start", "http.response.body"):
            await first({"type": kind})
            assert "page:a" not in arriving
    assert "page:a" not in arriving
    assert said == ["http.response.start", "http.response.body"]
