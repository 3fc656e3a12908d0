"""Frames between two processes of a site, over a connection that carries one request at a time.

Both sides prove that they know the site's key, over two numbers that were drawn for this
connection. From these each direction has a key of its own, and every frame a MAC over its place
in the order and its content: what is not from the other side, or is from another connection, or
was sent before, ends the connection. The content is not hidden; between machines the network has
to be a private one.
"""

import asyncio
import hmac
import secrets
import socket
from enum import IntEnum
from typing import Any, TypeAlias

import msgpack
from django.conf import settings
from django.utils.crypto import salted_hmac

# Bytes: of a frame's content at most, and of a body in one frame.
MOST = 16 * 1024 * 1024
CHUNK = 256 * 1024

_LENGTH, _NONCE, _MAC, _ID = 4, 16, 16, 12
_GREETING = b"gradiosession-1\n"


class Kind(IntEnum):
    OPEN = 1  # a request, and the beginning of its body
    BEGUN = 2  # from here on it may have done something
    NOT_MINE = 3  # it belongs to another process, nothing was done
    MESSAGE = 4  # of ASGI
    GONE = 5  # the client has left
    DONE = 6  # the answer is complete; the connection is free again


Frame: TypeAlias = tuple[Kind, Any]


class Broken(ConnectionError):
    """The other side has gone."""


class Unheard(Broken):
    """Nothing arrives from the other side any more, which may live."""


class Forged(ConnectionError):
    """What came is not from a process of this site."""


class Elsewhere(ConnectionRefusedError):
    """Another process listens here now, so the one that did is gone."""


class Channel:
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        send_key: bytes,
        receive_key: bytes,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._send_key, self._receive_key = send_key, receive_key
        self._sent = self._received = 0
        # Frames that go out together, and their size.
        self._waiting: list[bytes] = []
        self._size = 0
        self._is_given_up = False

    async def send(self, kind: Kind, content: Any = None) -> None:
        """With all else that is sent in this turn of the event loop. Returns when there is room
        for more."""
        self._add(kind, content)
        if self._size > CHUNK:
            self.flush()
        elif len(self._waiting) == 2:
            asyncio.get_running_loop().call_soon(self.flush)
        await self._writer.drain()

    def put(self, kind: Kind, content: Any = None) -> None:
        """At once."""
        self._add(kind, content)
        self.flush()

    def _add(self, kind: Kind, content: Any) -> None:
        payload: bytes = msgpack.packb((int(kind), content), default=str)
        mac = _frame_mac(self._send_key, self._sent, payload)
        self._sent += 1
        self._waiting += (len(payload).to_bytes(_LENGTH) + mac, payload)
        self._size += len(payload)

    def flush(self) -> None:
        if self._waiting:
            self._writer.write(b"".join(self._waiting))
            self._waiting.clear()
            self._size = 0

    async def receive(self) -> Frame:
        try:
            head = await self._reader.readexactly(_LENGTH + _MAC)
            length, mac = int.from_bytes(head[:_LENGTH]), head[_LENGTH:]
            if length > MOST:
                raise Forged
            payload = await self._reader.readexactly(length)
        except Forged:
            raise
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise (Unheard if self._is_given_up else Broken) from error
        except OSError as error:
            # Nobody has closed it: the network has, or `notice_silence`.
            raise Unheard from error
        if not hmac.compare_digest(_frame_mac(self._receive_key, self._received, payload), mac):
            raise Forged
        self._received += 1
        kind, content = msgpack.unpackb(payload)
        return Kind(kind), content

    @property
    def is_idle(self) -> bool:
        """Open, with nothing left to be read."""
        # What has come without being asked for is in a private buffer of the reader; only the
        # end of the stream shows outside.
        return not (self._reader.at_eof() or self._writer.is_closing())

    def close(self) -> None:
        self.flush()
        self._writer.close()

    def give_up(self) -> None:
        """Whoever waits for the other side waits no longer."""
        self._is_given_up = True
        self._writer.transport.abort()


def notice_silence(writer: asyncio.StreamWriter, seconds: float) -> None:
    """Let the connection end after as long without a sign of life from the other machine. One
    that is cut off says nothing, and neither does the system by itself, for hours."""
    end: socket.socket = writer.get_extra_info("socket")
    if end.family == socket.AF_UNIX:
        return
    pause, probes = max(1, round(seconds / 4)), 4
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Not every system has all of them. The last is for what was sent and has not arrived.
    for name, value in {
        "TCP_KEEPIDLE": pause,
        "TCP_KEEPINTVL": pause,
        "TCP_KEEPCNT": probes,
        "TCP_USER_TIMEOUT": round(seconds * 1000),
    }.items():
        if hasattr(socket, name):
            end.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def greet(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, process: str
) -> Channel:
    """The side that connects, and expects this process there.

    Raises `Elsewhere`, `Forged`, `Broken`.
    """
    try:
        greeting = await reader.readexactly(len(_GREETING) + _NONCE)
        if not greeting.startswith(_GREETING):
            raise Forged
        nonces = greeting[len(_GREETING) :] + secrets.token_bytes(_NONCE)
        key, name = _keys()[0], process.encode()
        writer.write(nonces[_NONCE:] + name + _proof(key, b"client", nonces, name))
        answer = await reader.readexactly(_MAC)
    except (asyncio.IncompleteReadError, OSError) as error:
        if isinstance(error, Forged):
            raise
        raise Broken from error
    if hmac.compare_digest(answer, _proof(key, b"elsewhere", nonces, name)):
        raise Elsewhere
    if not hmac.compare_digest(answer, _proof(key, b"server", nonces, name)):
        raise Forged
    return Channel(
        reader,
        writer,
        _proof(key, b"to server", nonces, name),
        _proof(key, b"to client", nonces, name),
    )


async def welcome(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, process: str
) -> Channel | None:
    """The side that listens, as this process. `None`: it is another that was looked for.

    Raises `Forged`, `Broken`.
    """
    nonce = secrets.token_bytes(_NONCE)
    writer.write(_GREETING + nonce)
    try:
        answer = await reader.readexactly(_NONCE + _ID + _MAC)
    except (asyncio.IncompleteReadError, OSError) as error:
        raise Broken from error
    nonces, name, proof = nonce + answer[:_NONCE], answer[_NONCE:-_MAC], answer[-_MAC:]
    for key in _keys():
        if hmac.compare_digest(proof, _proof(key, b"client", nonces, name)):
            break
    else:
        raise Forged
    if name != process.encode():
        writer.write(_proof(key, b"elsewhere", nonces, name))
        return None
    writer.write(_proof(key, b"server", nonces, name))
    return Channel(
        reader,
        writer,
        _proof(key, b"to client", nonces, name),
        _proof(key, b"to server", nonces, name),
    )


def _keys() -> list[bytes]:
    """The first is used, the others are accepted."""
    return [
        salted_hmac("gradio_ui.cluster", "", secret=secret, algorithm="sha256").digest()
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]


def _proof(key: bytes, what: bytes, nonces: bytes, name: bytes) -> bytes:
    return hmac.digest(key, b"\0".join((what, nonces, name)), "sha256")[:_MAC]


def _frame_mac(key: bytes, number: int, payload: bytes) -> bytes:
    return hmac.digest(key, number.to_bytes(8) + payload, "sha256")[:_MAC]
