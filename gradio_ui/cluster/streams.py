"""Streams of pages and calls, when the process goes away through which they came to the client.

The events go on where they run, and what the client may not have got is kept for a moment. A page
opens its stream again and says how many messages it has (`Last-Event-ID`). Other clients do not
say, and get what has come since, of a call everything: it has no changes to what came before.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from gradio_ui import event_ids
from gradio_ui.cluster import lost
from gradio_ui.cluster.listener import CUT, HANDED_OVER

# Seconds for which a stream waits to be opened again.
PATIENCE = 10.0
# For which one is remembered that has ended: its last messages may have been lost on their way
# through a process that died just then.
_REMEMBERED = 3.0
# Bytes of the latest messages that are kept of each.
_MOST = 256 * 1024
_CLOSED = b'data: {"msg":"close_stream"'

Serve = Callable[[Receive, Send], Awaitable[None]]


class Streams:
    """Of one process, by page, or event of a call."""

    def __init__(self, has_events: Callable[[str], bool]) -> None:
        """`has_events`: of whose end a page has not been told."""
        self._has_events = has_events
        self._streams: dict[str, _Stream] = {}

    def kept(self, name: str, scope: Scope, here: Serve) -> Serve:
        """The same as `here`, for who asks for the stream of this page or call."""
        return partial(self._serve, name, scope, here)

    async def _serve(
        self, name: str, scope: Scope, here: Serve, receive: Receive, send: Send
    ) -> None:
        headers = Headers(scope=scope)
        said, request = headers.get("last-event-id", ""), headers.get("x-request-id", "")
        is_call = event_ids.is_event_id(name)
        stream = self._streams.get(name)
        if stream is not None and stream.is_over and not stream.is_complete:
            stream = None
        # A balancer sends a request again, to another process, when it has heard nothing yet.
        is_same = stream is not None and request != "" and request == stream.request
        if stream is not None and (said or stream.is_waiting or is_same or is_call):
            last = 0 if is_same or is_call else stream.sent
            if said.isdecimal() and len(said) < 10:
                last = int(said)
            if stream.has_all_after(last):
                if not stream.is_complete:
                    return await stream.go_on(last, receive, send)
                rest = stream.after(last)
                stream.end()
                if not self._has_events(name):
                    return await _send_all(rest, send)
                # It has begun something meanwhile, and takes this for the stream of that, too.
                rest = [body for body in rest if not body.startswith(_CLOSED)]
                return await here(receive, _after(rest, send))
        # Its first attempt may have been refused before there was a stream.
        is_first = said == "0" and stream is None and self._has_events(name)
        if said and not is_first:
            return await lost.end_stream(scope, send, of_page=not is_call)
        if HANDED_OVER not in scope or (stream is not None and not stream.is_over):
            return await here(receive, send)
        stream = self._streams[name] = _Stream(receive, send, request)
        try:
            await here(stream.receive, stream.send)
            await stream.linger()
        finally:
            stream.end()
            asyncio.get_running_loop().call_later(_REMEMBERED, self._forget, name, stream)

    def _forget(self, name: str, stream: "_Stream") -> None:
        if self._streams.get(name) is stream:
            del self._streams[name]


class _Client:
    """Of a stream: where it goes at the moment."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.receive, self.send = receive, send
        self.left: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def leave(self) -> None:
        if not self.left.done():
            self.left.set_result(None)


class _Stream:
    """`receive` and `send` of an answer that may pass from one client to the next."""

    def __init__(self, receive: Receive, send: Send, request: str) -> None:
        """`request`: the id of the one that has opened it."""
        self.request = request
        self._client: _Client | None = _Client(receive, send)
        # Set while there is a client, or nothing to wait for.
        self._is_going = asyncio.Event()
        self._is_going.set()
        self._start: Message | None = None
        # Messages, each with its number.
        self._kept: deque[tuple[int, bytes]] = deque()
        self._size = self._count = self._forgotten = 0
        self.is_over = self.is_complete = False
        # The number of the last one that was sent.
        self.sent = 0

    @property
    def is_waiting(self) -> bool:
        """For somebody who opens it again."""
        return self._client is None and not self.is_over

    async def receive(self) -> Message:
        while True:
            client = self._client
            if client is None:
                if not await self._is_opened_again():
                    return {"type": "http.disconnect"}
                continue
            heard = asyncio.ensure_future(client.receive())
            try:
                await asyncio.wait((heard, client.left), return_when=asyncio.FIRST_COMPLETED)
                if client is self._client:
                    message = heard.result()
                    if message["type"] != "http.disconnect" or CUT not in message:
                        return message
                    self._cut(client)
            finally:
                heard.cancel()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = self._start = _of_any_length(message)
        elif body := message.get("body", b""):
            for said in lost.messages(body):
                self._keep(said)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.is_complete = True
        if (client := self._client) is not None:
            number = self._count
            try:
                await client.send(message)
                self.sent = number
            except OSError:
                self._cut(client)

    def _keep(self, body: bytes) -> None:
        self._count += 1
        self._kept.append((self._count, body))
        self._size += len(body)
        while self._size > _MOST:
            self._forgotten, gone = self._kept.popleft()
            self._size -= len(gone)

    def _cut(self, client: _Client) -> None:
        if self._client is client:
            self._client = None
            self._is_going.clear()
        client.leave()

    async def _is_opened_again(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._is_going.wait()
        except TimeoutError:
            self.end()
        return not self.is_over

    async def linger(self) -> None:
        """All has been said, but perhaps not heard."""
        if self._client is None:
            await self._is_opened_again()

    def end(self) -> None:
        self.is_over = True
        self._is_going.set()
        if self._client is not None:
            self._client.leave()
            self._client = None

    def has_all_after(self, number: int) -> bool:
        return self._start is not None and self._forgotten <= number <= self._count

    def after(self, number: int) -> list[bytes]:
        return [body for count, body in self._kept if count > number]

    async def go_on(self, last: int, receive: Receive, send: Send) -> None:
        """Returns when the stream has ended, or this client has gone as well."""
        if self._client is not None:
            self._cut(self._client)
        assert self._start is not None
        await send(self._start)
        while last < self._count:
            count, rest = self._count, self.after(last)
            for body in rest:
                await send(_part(body))
            last = count
        if self.is_complete:
            self.end()
            return await send({"type": "http.response.body"})
        client = self._client = _Client(receive, send)
        self._is_going.set()
        await client.left


def _part(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}


def _of_any_length(start: Message) -> Message:
    """More may be said, or less, than the answer had to begin with."""
    headers = [item for item in start.get("headers", ()) if item[0] != b"content-length"]
    return {**start, "headers": headers}


async def _send_all(rest: list[bytes], send: Send) -> None:
    await lost.answer(send, b"".join(rest))


def _after(rest: list[bytes], send: Send) -> Send:
    """A `send` that says this first."""

    async def sent(message: Message) -> None:
        if message["type"] != "http.response.start":
            return await send(message)
        await send(_of_any_length(message))
        for body in rest:
            await send(_part(body))

    return sent
