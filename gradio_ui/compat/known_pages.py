"""A page that Gradio has made once, filled in for each reader.

Gradio copies, searches and writes the whole config of an app for every page, though of the reader
nothing but the name stands in it. Here that is done once for each address, with marks in the
places of the name and of what `gradio_ui.compat.scripts` puts into the template.
"""

import re
import secrets
from typing import Any

import brotli
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gradio_ui.compat.scripts import BODY, HEAD, NONCE

# Of one app; what its address is depends on the host as well.
_MOST = 16
_NAME = "name"
_ADDED = (NONCE, HEAD, BODY)
_MARKS = {key: f"mark{secrets.token_hex(16)}" for key in (_NAME, *_ADDED)}
_KEYS = {mark.encode(): key for key, mark in _MARKS.items()}
_ANY = re.compile(b"(" + b"|".join(_KEYS) + b")")


class _Anybody:
    def get_username(self) -> str:
        return _MARKS[_NAME]


class KnownPages:
    """Pure ASGI, around an app, for its pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        # Text and, at every other place, a mark.
        self._known: dict[tuple[Any, ...], list[bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = None
        if scope["method"] == "GET" and not scope["query_string"]:  # it may ask for a deep link
            page = await self._page(scope, receive)
        if page is None:
            return await self._app(scope, receive, send)
        from gradio import routes

        toorjson: Any = routes.toorjson
        values = {key: scope[key].encode() for key in _ADDED}
        values[_NAME] = toorjson(scope["user"].get_username())[1:-1].encode()
        filled = b"".join(values[_KEYS[part]] if part in _KEYS else part for part in page)
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        if "br" in Headers(scope=scope).get("accept-encoding", ""):
            # No larger than by gzip, in a third of the time.
            filled = brotli.compress(filled, quality=2)
            headers += [(b"content-encoding", b"br"), (b"vary", b"Accept-Encoding")]
        headers.append((b"content-length", str(len(filled)).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": filled})

    async def _page(self, scope: Scope, receive: Receive) -> list[bytes] | None:
        host = Headers(scope=scope).get("host")
        key = (scope["scheme"], host, scope.get("root_path", ""), scope["path"])
        if key not in self._known:
            marked = {**scope, "user": _Anybody(), **{added: _MARKS[added] for added in _ADDED}}
            sent: list[Message] = []

            async def keep(message: Message) -> None:
                sent.append(message)

            await self._app(marked, receive, keep)
            if sent[0]["status"] != 200:
                return None
            while len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            body = b"".join(message.get("body", b"") for message in sent)
            self._known[key] = _ANY.split(body)
        return self._known[key]
