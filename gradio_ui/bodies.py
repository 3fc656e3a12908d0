"""Bodies of requests: taken in once, within a limit, and handed on as they came."""

from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

# Levels of nesting. What Gradio does with a value recurses, and Python's stack is a thousand deep.
MAX_DEPTH = 100


class TooLarge(Exception):
    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class Malformed(ValueError):
    """Not the JSON object that was asked for; says why."""


def announced(scope: Scope) -> int:
    """Content-Length; 0 when the client does not say, or nonsense."""
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


async def read(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises `TooLarge`, and `ClientDisconnect` when the client leaves."""
    if announced(scope) > limit:
        raise TooLarge(limit)
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise TooLarge(limit)
        more = message.get("more_body", False)
    return b"".join(chunks)


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives this body, and then what the server has to say."""
    return again({"type": "http.request", "body": body, "more_body": False}, receive)


def again(first: Message, receive: Receive) -> Receive:
    """A `receive` that gives this message before what the server has to say."""
    given = False

    async def received() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return first

    return received


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; an empty body is an empty one. Raises `Malformed`."""
    if not body:
        return {}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("The body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise Malformed("The body must be a JSON object.")
    # Few brackets cannot nest deeply, and most bodies have few.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _is_deep(value):
        raise Malformed(f"The body is nested more than {MAX_DEPTH} levels deep.")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True
