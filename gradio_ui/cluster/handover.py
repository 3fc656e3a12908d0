"""One request, handed over to another process on a channel: body and answer stream through."""

import asyncio
import contextlib

from starlette.types import Message, Receive, Scope, Send

from gradio_ui.cluster.listener import parts, to_hand_over
from gradio_ui.cluster.wire import Broken, Channel, Kind, Unheard
from gradio_ui.conf import conf

# Seconds for which the other side may put things in order when the client has left.
_LAST = 5.0


class NotTaken(Exception):
    """Nothing was done with it; somebody else may be asked."""


class NotTheirs(NotTaken):
    """They do not hold what it names."""


class Cut(Exception):
    """It was begun, and its process has gone."""


class Unanswered(Cut):
    """It may have been begun, and its process does not answer."""


class HandOver:
    """`first` of the messages of the body has been received already."""

    def __init__(self, channel: Channel, first: Message, receive: Receive, send: Send) -> None:
        self._channel = channel
        self._first, *self._rest = parts(first)
        self._receive, self._send = receive, send
        # Whether the client did.
        self.has_left = False
        # Who it was, for the log, when the other process is done.
        self.who: dict[str, object] = {}

    async def run(self, scope: Scope, name: str, by: str) -> bool:
        """Whether the channel can be used again. Raises `NotTaken`, `Cut`."""
        content = {"name": name, "by": by, "scope": to_hand_over(scope), "body": self._first}
        try:
            self._channel.put(Kind.OPEN, content)
            async with asyncio.timeout(conf.cluster_patience):
                kind, _ = await self._channel.receive()
        except (TimeoutError, Unheard) as error:
            raise Unanswered from error
        except (Broken, OSError) as error:
            raise NotTaken from error
        if kind is Kind.NOT_MINE:
            raise NotTheirs
        pump = asyncio.create_task(self._pump())
        try:
            return await self._answer()
        except Broken as error:
            if self.has_left:
                return False
            raise (Unanswered if isinstance(error, Unheard) else Cut) from error
        except asyncio.CancelledError:
            # A server's way to say that the client has left.
            self._channel.put(Kind.GONE)
            raise
        finally:
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await pump

    async def _answer(self) -> bool:
        while True:
            kind, content = await self._channel.receive()
            if kind is Kind.MESSAGE:
                await self._send(content)
            elif kind is Kind.DONE:
                self.who = content["who"]
                return bool(content["is_good"])

    async def _pump(self) -> None:
        for message in self._rest:
            await self._channel.send(Kind.MESSAGE, message)
        while not self.has_left:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.has_left = True
                await self._channel.send(Kind.GONE)
            else:
                for part in parts(message):
                    await self._channel.send(Kind.MESSAGE, part)
        await asyncio.sleep(_LAST)
        self._channel.close()
