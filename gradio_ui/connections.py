"""Open requests, each of which the server can end from its side."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.types import Message, Receive

# Where it is in the scope of its request.
KEY = "gradio_ui.connection"


class Connection:
    """One open response. `receive` says that the client has left as soon as `end()` is called,
    which ends Gradio's streams and heartbeats in an orderly way, their clean-up included."""

    def __init__(self, receive: Receive, *, is_endless: bool) -> None:
        self.is_endless = is_endless
        self._receive = receive
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next: asyncio.Future[Message] | None = None
        self._limit: asyncio.Timeout | None = None

    @property
    def is_over(self) -> bool:
        return self._ended.done()

    def end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
            if self._limit is not None:
                self._limit.reschedule(0)

    @asynccontextmanager
    async def lasting(self) -> AsyncIterator[Receive]:
        """What is done within is cancelled when this ends. Starlette would begin a group of tasks
        to wait for the disconnect by `receive`; this takes a fifth of the time. Gives a `receive`
        for who waits nevertheless, as this one has listened already."""

        async def over() -> Message:
            await asyncio.shield(self._ended)
            return {"type": "http.disconnect"}

        listening = asyncio.ensure_future(self._listen())
        try:
            async with asyncio.timeout(None) as self._limit:
                if self.is_over:
                    self._limit.reschedule(0)
                yield over
        except TimeoutError:
            if not self.is_over:
                raise
        finally:
            self._limit = None
            listening.cancel()

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.end()

    async def receive(self) -> Message:
        while not self._ended.done():
            # Kept for the next call when this one is cancelled, as Starlette does to look
            # whether there is a message: one that arrives just then would be lost. And two may
            # wait at a time, the stream and whoever watches for its end.
            if self._next is None:
                self._next = asyncio.ensure_future(self._receive())
            waited = self._next
            await asyncio.wait((waited, self._ended), return_when=asyncio.FIRST_COMPLETED)
            if waited.done() and self._next is waited:
                self._next = None
                message = waited.result()
                if message["type"] != "http.disconnect":
                    return message
                self.end()
        return {"type": "http.disconnect"}

    def close(self) -> None:
        if self._next is not None:
            self._next.cancel()


class Connections:
    def __init__(self) -> None:
        self._open: set[Connection] = set()

    def __bool__(self) -> bool:
        return bool(self._open)

    def count(self, *, endless: bool) -> int:
        return sum(connection.is_endless is endless for connection in list(self._open))

    @contextmanager
    def opened(self, receive: Receive, *, is_endless: bool) -> Iterator[Connection]:
        connection = Connection(receive, is_endless=is_endless)
        self._open.add(connection)
        try:
            yield connection
        finally:
            connection.close()
            self._open.discard(connection)

    def end(self, *, endless: bool) -> None:
        """`endless`: those that would never end by themselves; otherwise the others."""
        for connection in self._open:
            if connection.is_endless is endless:
                connection.end()
