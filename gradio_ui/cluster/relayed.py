"""The answer of another process on its way to the client, and what becomes of it when that
process goes away in the middle."""

import re

from starlette.types import Message, Scope, Send

from gradio_ui.cluster import lost
from gradio_ui.cluster.listener import REQUEST_ID
from gradio_ui.event_ids import FORM
from gradio_ui.names import Names
from gradio_ui.routes import Route

_EVENT = re.compile(rb'"event_id":"(' + FORM.pattern.encode() + rb')"')
_COMPLETED = b'data: {"msg":"process_completed"'
_CLOSED = b'data: {"msg":"close_stream"'


class Relayed:
    """A `send`. Before there is something of a body another answer can be given."""

    # Whether a client is to know before that there will be one.
    is_eager = False

    def __init__(self, scope: Scope, send: Send) -> None:
        self.has_begun = False
        self._scope, self._send = scope, send
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            # The outer layers of this process add it.
            headers = [tuple(item) for item in message["headers"] if item[0] != REQUEST_ID]
            self._start = {**message, "headers": headers}
            if self.is_eager:
                await self._begin()
        else:
            await self._begin()
            await self._send(message)

    async def _begin(self) -> None:
        if self._start is not None:
            start, self._start, self.has_begun = self._start, None, True
            await self._send(start)

    async def complete(self) -> bool:
        """Whether the end of the answer is the end for the client, too."""
        return True

    async def silent(self) -> bool:
        """Whether the client has been told that nothing more comes from a process that may live;
        otherwise somebody else is to answer. Who asks again may reach it by another way."""
        if self.has_begun:
            raise ConnectionAbortedError("Nothing is heard of the process that was answering.")
        return False

    async def cut(self) -> bool:
        """The same when that process has gone."""
        if self.has_begun:
            raise ConnectionAbortedError("The process that was answering has gone.")
        return False

    async def end(self) -> None:
        """Somebody else has answered to the end."""


class RelayedEvents(Relayed):
    """The stream of a page: gets a regular end."""

    is_eager = True

    def __init__(self, scope: Scope, send: Send) -> None:
        super().__init__(scope, send)
        self._running: dict[str, None] = {}
        self._is_closed = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            for said in lost.messages(message.get("body", b"")):
                self._read(said)
        await super().__call__(message)

    async def silent(self) -> bool:
        return await self._ended(lost.cut(self._scope))

    async def cut(self) -> bool:
        return await self._ended(lost.last_words(self._running, self._scope))

    async def _ended(self, words: bytes) -> bool:
        if self.has_begun:
            words = b"" if self._is_closed else words
            await self._send({"type": "http.response.body", "body": words})
        return self.has_begun

    def _read(self, said: bytes) -> None:
        if said.startswith(_CLOSED):
            self._is_closed = True
        # The first is the message's own; there may be others in what it brings.
        elif found := _EVENT.search(said):
            event = found[1].decode()
            if said.startswith(_COMPLETED):
                self._running.pop(event, None)
            else:
                self._running[event] = None


class RelayedCall(Relayed):
    """The stream of a call without a page."""

    is_eager = True

    async def silent(self) -> bool:
        return await self._ended(lost.of_call(self._scope, lost.SILENT))

    async def cut(self) -> bool:
        return await self._ended(lost.of_call(self._scope))

    async def _ended(self, words: bytes) -> bool:
        if self.has_begun:
            await self._send({"type": "http.response.body", "body": words})
        return self.has_begun


class RelayedHeartbeat(Relayed):
    """Goes on from whichever process has the page next, until that one refuses."""

    is_eager = True

    def __init__(self, scope: Scope, send: Send) -> None:
        super().__init__(scope, send)
        self._is_refused = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if not self.has_begun:
                return await super().__call__(message)
            self._is_refused = message["status"] != 200
        elif not self._is_refused:
            await self._send({**message, "more_body": True})

    async def complete(self) -> bool:
        if self._is_refused:
            await self.end()
        return self._is_refused

    async def silent(self) -> bool:
        return False

    async def cut(self) -> bool:
        return False

    async def end(self) -> None:
        await self._send({"type": "http.response.body"})


def relayed(route: Route, names: Names, scope: Scope, send: Send) -> Relayed:
    if route.is_endless and names.session_hashes:
        return RelayedHeartbeat(scope, send)
    if route.is_stream and not route.is_endless:
        return RelayedEvents(scope, send) if names.session_hashes else RelayedCall(scope, send)
    return Relayed(scope, send)
