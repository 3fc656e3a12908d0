"""The private door: what other processes hand over comes in here."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from starlette.types import ASGIApp, Message, Scope

from gradio_ui import tracing
from gradio_ui.cluster import wire
from gradio_ui.cluster.wire import Broken, Channel, Forged, Frame, Kind
from gradio_ui.conf import conf
from sessionstate.tasks import end_tasks

logger = logging.getLogger(__name__)

# In the scope of a request that was handed over: the process that did.
HANDED_OVER = "gradio_ui.handed_over"
# What it names that this process holds; "" where it has to hold nothing.
HELD = "gradio_ui.held"
# In the message of a disconnect: it is that process which has gone; the client may come again.
CUT = "gradio_ui.cut"
REQUEST_ID = b"x-request-id"
# Of the line in the log: what only the process knows that has let the request in.
_WHO = ("user_id", "session")
# Seconds that somebody who connects has to say who they are.
_GREETING_LIMIT = 5.0
# Of a path in the address of a socket, on the systems that allow least.
_LONGEST_PATH = 100

# Whether this process holds what a request is about.
Holds = Callable[[str], Awaitable[bool]]


class BadAddress(ValueError):
    pass


class Listener:
    """`address`: `unix:<directory>` or `tcp://<host>:<port>`, port 0 for any that is free."""

    def __init__(self, address: str, process: str, app: ASGIApp, holds: Holds) -> None:
        self._address, self._process = address, process
        self._app, self._holds = app, holds
        self._server: asyncio.Server | None = None
        self._socket: Path | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        """The address at which others reach this process."""
        if self._address.startswith("unix:"):
            directory = Path(self._address.removeprefix("unix:"))
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._socket = _socket_in(directory, self._process)
            if not _fits(self._socket):
                raise BadAddress(f"{self._socket} is too long for a Unix socket.")
            remove_dead(directory)
            self._server = await asyncio.start_unix_server(
                self._connected, self._socket, limit=wire.CHUNK
            )
            self._socket.chmod(0o600)
            return f"unix:{self._socket}"
        host, port = split(self._address)
        self._server = await asyncio.start_server(self._connected, host, port, limit=wire.CHUNK)
        port = self._server.sockets[0].getsockname()[1]
        return f"tcp://{_bracketed(host)}:{port}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await end_tasks(*self._tasks)
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel: Channel | None = None
        try:
            wire.notice_silence(writer, conf.cluster_patience)
            async with asyncio.timeout(_GREETING_LIMIT):
                channel = await wire.welcome(reader, writer, self._process)
            waiting = None
            while channel is not None:
                kind, content = await (waiting or channel.receive())
                waiting = None
                if kind is Kind.OPEN:
                    waiting = await self._answer(channel, content)
                # Otherwise the rest of a body that nobody wanted to read.
        except Forged:
            logger.warning("Somebody who is no process of this site has connected.")
        except (Broken, OSError, TimeoutError):
            return
        finally:
            (channel or writer).close()

    async def _answer(self, channel: Channel, opened: Any) -> "asyncio.Task[Frame] | None":
        """The next frame, where the app has asked for it and it has not come yet."""
        if opened["name"] and not await self._holds(opened["name"]):
            await channel.send(Kind.NOT_MINE)
            return None
        # Written before anything is done: who does not hear it may try elsewhere.
        channel.put(Kind.BEGUN)
        exchange, scope = _Exchange(channel, opened["body"]), _scope(opened)
        is_good = False
        try:
            await self._app(scope, exchange.receive, exchange.send)
            is_good = True
        except OSError:
            raise
        except Exception:
            logger.exception("A request that was handed over has failed.")
        finally:
            waiting = exchange.close()
        who = {key: scope["log"][key] for key in _WHO if key in scope["log"]}
        await channel.send(Kind.DONE, {"is_good": is_good, "who": who})
        return waiting


class _Exchange:
    """`receive` and `send` of a request that came on a channel."""

    def __init__(self, channel: Channel, first: Message) -> None:
        self._channel = channel
        self._first: Message | None = first
        # Several may wait for it, and give up waiting; it belongs to the channel.
        self._next: asyncio.Task[Frame] | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def receive(self) -> Message:
        if self._first is not None:
            message, self._first = self._first, None
            return message
        while not self._ended.done():
            if self._next is None:
                self._next = asyncio.create_task(self._channel.receive())
                self._next.add_done_callback(_seen)
            waiting = self._next
            await asyncio.wait((waiting, self._ended), return_when=asyncio.FIRST_COMPLETED)
            if waiting.done() and self._next is waiting and not self._ended.done():
                self._next = None
                try:
                    kind, content = waiting.result()
                except Broken:
                    self.close()
                    return {"type": "http.disconnect", CUT: True}
                if kind is Kind.MESSAGE:
                    heard: Message = content
                    return heard
                self.close()
        return {"type": "http.disconnect"}

    def close(self) -> "asyncio.Task[Frame] | None":
        """There is nothing more to receive. Returns the next frame, if somebody waits for it."""
        if not self._ended.done():
            self._ended.set_result(None)
        return self._next

    async def send(self, message: Message) -> None:
        for part in parts(message):
            await self._channel.send(Kind.MESSAGE, part)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            # The client need not wait for what is done after an answer.
            self._channel.flush()


def _seen(task: "asyncio.Task[Frame]") -> None:
    """The end of a connection is no error of who does not wait for more."""
    if not task.cancelled():
        task.exception()


def parts(message: Message) -> list[Message]:
    """A message whose body is long, as several."""
    body = message.get("body", b"")
    if len(body) <= wire.CHUNK:
        return [message]
    chunks = [body[at : at + wire.CHUNK] for at in range(0, len(body), wire.CHUNK)]
    ends = [True] * (len(chunks) - 1) + [message.get("more_body", False)]
    return [
        {**message, "body": chunk, "more_body": more}
        for chunk, more in zip(chunks, ends, strict=True)
    ]


_KEPT = (
    *("type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string"),
    *("root_path", "headers", "client", "server"),
)


def to_hand_over(scope: Scope) -> dict[str, Any]:
    """Of a scope, what a client said; of what this process has concluded from it, only the id by
    which the lines of both in the log are found."""
    found = {key: scope[key] for key in _KEPT if key in scope}
    if request_id := scope.get("log", {}).get("request_id"):
        headers = [item for item in scope["headers"] if item[0] != REQUEST_ID]
        found["headers"] = tracing.handed_over([*headers, (REQUEST_ID, request_id.encode())])
    return found


def _scope(opened: Any) -> Scope:
    scope: Scope = opened["scope"]
    scope["headers"] = [(name, value) for name, value in scope["headers"]]
    for key in ("client", "server"):
        if scope.get(key):
            scope[key] = tuple(scope[key])
    log = {"handed_by": opened["by"]}
    scope.update({"extensions": {}, "state": {}, "log": log})
    scope.update({HANDED_OVER: opened["by"], HELD: opened["name"]})
    return scope


def default_address(process: str) -> str:
    """A Unix socket in the site's own directory; where its path is too long, the loopback."""
    directory = Path(settings.GRADIOSESSION_DATA_DIR) / "cluster"
    return f"unix:{directory}" if _fits(_socket_in(directory, process)) else "tcp://127.0.0.1:0"


def _socket_in(directory: Path, process: str) -> Path:
    return directory / f"{process}.sock"


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= _LONGEST_PATH


def split(address: str) -> tuple[str, int]:
    """Host and port of `tcp://<host>:<port>`."""
    host, separator, port = address.removeprefix("tcp://").rpartition(":")
    if not address.startswith("tcp://") or not separator or not port.isdecimal() or not host:
        raise BadAddress(f"{address!r} is neither unix:<directory> nor tcp://<host>:<port>.")
    return host.strip("[]"), int(port)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def remove_dead(directory: Path) -> None:
    """Sockets that a killed process has left."""
    for path in directory.glob("*.sock"):
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.settimeout(0.5)
            try:
                probe.connect(os.fspath(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
