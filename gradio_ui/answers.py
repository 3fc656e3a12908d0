"""Errors of Gradio's in the site's one form, short, and without anything that was not meant for
the client: it answers some with plain text, some with the whole input, some with an exception's
text."""

from collections.abc import Mapping
from http.client import responses
from typing import Any

import orjson
from django.utils.translation import gettext_noop as _
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from accounts.problems import CONTENT_TYPE, problem
from gradio_ui import languages

_LONGEST = 300
_OURS = _("The server could not process this.")


class Answers:
    """A `send` that rewrites errors. `scope`: of the request; `statuses`: what to send in place
    of some; `status`: what was sent, 0 so far."""

    def __init__(self, scope: Scope, send: Send, statuses: Mapping[int, int]) -> None:
        self.status = 0
        self._scope = scope
        self._send = send
        self._statuses = statuses
        self._held: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"] = self._statuses.get(
                message["status"], message["status"]
            )
            if self.status >= 400 and _is_readable(message):
                self._held = message
                return
        elif self._held is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            start, self._held = self._held, None
            body = _rewritten(self._scope, start, self._body)
            await self._send(start)
            await self._send({"type": "http.response.body", "body": body})
            return
        await self._send(message)


def _is_readable(start: Message) -> bool:
    kind = MutableHeaders(scope=start).get("content-type", "text/plain")
    return kind.startswith(("text/plain", "application/json"))


def _rewritten(scope: Scope, start: Message, body: bytes) -> bytes:
    """The body to send instead, with `start` changed to go with it."""
    headers = MutableHeaders(scope=start)
    status = start["status"]
    if headers.get("content-encoding"):
        detail = None if status >= 500 else ""
    elif headers.get("content-type", "").startswith("application/json"):
        detail = _detail(body)
    else:
        # Starlette's own word for an exception that nobody caught.
        unknown = status >= 500 or body == b"Internal Server Error"
        detail = "" if unknown else body.decode("utf-8", "replace")
    if detail is None:
        return body
    title = responses.get(status, "Error")
    if status >= 500:
        detail = detail or languages.said(scope, _OURS)
    rewritten = orjson.dumps(problem(status, title, detail[:_LONGEST]))
    headers["content-type"] = CONTENT_TYPE
    headers["content-length"] = str(len(rewritten))
    headers["cache-control"] = "no-store"
    del headers["content-encoding"]
    return rewritten


def _detail(body: bytes) -> str | None:
    """What to tell; `None`: the client knows what to do with this answer, leave it."""
    try:
        detail: Any = orjson.loads(body)["detail"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    if isinstance(detail, str):
        return detail
    # FastAPI lists what is wrong with the input, and repeats the input.
    if isinstance(detail, list) and detail and isinstance(detail[0], dict) and "loc" in detail[0]:
        where = ".".join(str(part) for part in detail[0]["loc"])
        return f"{where}: {detail[0].get('msg', '')}"
    return None
