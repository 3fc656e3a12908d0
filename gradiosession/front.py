"""What a client says that nobody may believe, or nobody could read: settled once, at the door."""

from __future__ import annotations

import orjson
from starlette.responses import Response

from accounts.problems import CONTENT_TYPE, problem
from gradiosession.logs import App, Receive, Scope, Send

_BAD = orjson.dumps(problem(400, "", "The headers or the query of this request cannot be read."))
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class MountedAt:
    """Pure ASGI, around everything. Where the site is mounted says the operator.

    daphne takes it from a header that anybody may send (`Daphne-Root-Path`), and Django puts it in
    front of every address that it makes, the one in a mail for a new password among them.
    """

    def __init__(self, app: App, root: str) -> None:
        self.app = app
        self.root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope["root_path"] = self.root
        await self.app(scope, receive, send)


class OnlyReadable:
    """Pure ASGI. Django fails on a query that is no text, and on a `Content-Type` with parameters
    of a language of their own (RFC 2231), which nobody needs there."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not _is_readable(scope):
            if scope["type"] == "websocket":
                return await refuse(scope, receive, send)
            return await Response(_BAD, 400, _HEADERS, CONTENT_TYPE)(scope, receive, send)
        await self.app(scope, receive, send)


def _is_readable(scope: Scope) -> bool:
    return scope["query_string"].isascii() and not any(
        name == b"content-type" and b"*" in value for name, value in scope["headers"]
    )


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """A WebSocket nobody answers: closed before the handshake, which servers turn into a 403."""
    await receive()
    await send({"type": "websocket.close"})
