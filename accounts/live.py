"""`WS /ws/session/`: an open page hears what becomes of its session.

Messages to the page, each a JSON object:

    {"type": "open", "user": "ada"}       whose session it is
    {"type": "expiring", "seconds": 60, "renewable": true}
                                          without use the session ends in so many seconds, or
                                          whatever is done, if it is not renewable
    {"type": "changed", "scope": "session", "keys": ["cart"], "by": "x8k2m"}
                                          values of the session, or of the user, have changed, in
                                          the page of this session_hash ("": in none). Only for
                                          who asks for it: `?changes=1`
    {"type": "changed"}                   the server may have missed such changes
    {"type": "revoked"}                   it has ended; the connection closes with 4401

Other codes: 4413 and 4429 after too long or too many messages of the page, 4503 when the server
is about to stop.

Who has no session that stands, or comes from another site's page, is refused before the
connection is accepted, which servers answer with a 403. The connection does not count as using
the session. The page has nothing to say: what it sends is dropped, up to a limit. Pings are the
server's (daphne and uvicorn send one every 20 seconds, and close when none comes back).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from io import BytesIO
from typing import Any, TypeAlias
from weakref import WeakSet

from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import Error as DatabaseError
from django.http import HttpRequest

from sessionstate.announce import News
from sessionstate.backends.base import Info
from sessionstate.clock import timestamp
from sessionstate.engine import SessionStore
from sessionstate.errors import StoreUnavailable
from sessionstate.lifetime import session_expires
from sessionstate.tasks import end_tasks

from .conf import conf
from .identity import Identity, NotAuthenticated, aidentify
from .origin import is_cross_site, is_from_browser
from .visitors import TooManyVisitors, avisit
from .watch import Held, Login, Why, watch

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

# Close codes. An application's own are 4000 and above; daphne sends no others for it.
REVOKED, TOO_BIG, TOO_MUCH, UNAVAILABLE = 4401, 4413, 4429, 4503
# Connections of one session; what a page may send: bytes of one message, messages in a minute.
MOST, MOST_BYTES, MOST_MESSAGES = 50, 1024, 60
# Changes that wait to be told to a page.
MOST_NEWS = 100

_open: WeakSet[_Page] = WeakSet()


class _Page(Held):
    """One open connection. `closing`: the code it is to be closed with."""

    def __init__(self, login: Login, wants_changes: bool) -> None:
        self.login = login
        self.changes: asyncio.Queue[News] | None = (
            asyncio.Queue(MOST_NEWS) if wants_changes else None
        )
        self.closing: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def end(self, why: Why) -> None:
        self.close(REVOKED)

    def changed(self, news: News) -> None:
        if self.changes is not None:
            with suppress(asyncio.QueueFull):
                self.changes.put_nowait(news)

    def close(self, code: int) -> None:
        if not self.closing.done():
            self.closing.set_result(code)


def count() -> int:
    """Connections that are open."""
    return len(_open)


def close_all() -> None:
    """The server is about to stop."""
    for page in list(_open):
        page.close(UNAVAILABLE)


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application. `watch` has been started."""
    await receive()  # websocket.connect
    try:
        identity = await _admit(scope)
    except NotAuthenticated:
        return await send({"type": "websocket.close", "code": REVOKED})
    except (StoreUnavailable, DatabaseError):
        return await send({"type": "websocket.close", "code": UNAVAILABLE})
    login = Login.of(identity)
    scope.setdefault("log", {}).update(user_id=login.user_id or None, session=login.session_id[:8])
    page = _Page(login, b"changes=1" in scope["query_string"].split(b"&"))
    watch.add(page)
    _open.add(page)
    await send({"type": "websocket.accept"})
    await _say(send, {"type": "open", "user": identity.user.get_username()})
    tasks = [
        asyncio.create_task(_drop_messages(page, receive)),
        asyncio.create_task(_warn(page, send)),
        asyncio.create_task(_tell_changes(page, send)),
    ]
    try:
        await asyncio.wait((tasks[0], page.closing), return_when=asyncio.FIRST_COMPLETED)
        for task in tasks[1:]:
            task.cancel()
        if page.closing.done():
            if (code := page.closing.result()) == REVOKED:
                await _say(send, {"type": "revoked"})
            await send({"type": "websocket.close", "code": code})
    finally:
        watch.remove(page)
        _open.discard(page)
        await end_tasks(*tasks)


async def _admit(scope: Scope) -> Identity:
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    request = ASGIRequest({**scope, "type": "http", "method": "GET", "scheme": scheme}, BytesIO())
    try:
        host = request.get_host()
    except DisallowedHost as error:
        raise NotAuthenticated("invalid") from error
    identity = await _identify(request)
    # As for a request that changes something: a page of another site could otherwise listen.
    if (
        identity.ticket.source == "cookie"
        and is_cross_site("POST", request.headers, host, request.scheme or "")
    ) or (identity.ticket.source == "program" and is_from_browser(request.headers)):
        raise NotAuthenticated("foreign")
    session_id = identity.session.session_key
    if len([1 for page in _open if page.login.session_id == session_id]) >= MOST:
        raise NotAuthenticated("refused")
    return identity


async def _identify(request: HttpRequest) -> Identity:
    try:
        return await aidentify(request.headers, request.COOKIES, request)
    except NotAuthenticated:
        # Who has a visitor's ticket has been invited to some page.
        try:
            return await avisit(request, invite=False, begin=True)
        except TooManyVisitors as error:
            raise NotAuthenticated("refused") from error


async def _drop_messages(page: _Page, receive: Receive) -> None:
    """Returns when the page has left."""
    minute, count = 0.0, 0
    while (message := await receive())["type"] != "websocket.disconnect":
        if len(message.get("bytes") or b"") + len(message.get("text") or "") > MOST_BYTES:
            page.close(TOO_BIG)
        if time.monotonic() - minute > 60:
            minute, count = time.monotonic(), 0
        count += 1
        if count > MOST_MESSAGES:
            page.close(TOO_MUCH)


async def _warn(page: _Page, send: Send) -> None:
    """Before each end that is not put off by a use. That it has come is seen by the watch."""
    warned = 0.0
    while True:
        session = SessionStore(page.login.session_id)
        try:
            custom = await session.aget("_session_expiry")
        except (StoreUnavailable, DatabaseError):
            await asyncio.sleep(1.0)
            continue
        if (info := session.info) is None:
            return
        left, before = info.expires - timestamp(), _warning_time(info)
        if left > before:
            await asyncio.sleep(left - before + 0.05)
            continue
        if info.expires != warned:
            warned = info.expires
            renewed = session_expires(custom, used=timestamp(), created=info.created)
            said = {"seconds": max(round(left), 0), "renewable": renewed > info.expires}
            await _say(send, {"type": "expiring"} | said)
        # Somebody may still use it, and then the next end has a warning of its own.
        await asyncio.sleep(min(max(left, 0.5), before / 4))


def _warning_time(info: Info) -> float:
    """Of a short idle limit a part only: nobody should be warned all the time."""
    return min(conf.expiring_before, max(info.expires - info.used, 1.0) / 2)


async def _tell_changes(page: _Page, send: Send) -> None:
    while page.changes is not None:
        news = await page.changes.get()
        said: dict[str, Any] = {"type": "changed"}
        if news.kind != "missed":
            scope = news.kind.removesuffix(" values")
            said |= {"scope": scope, "keys": list(news.keys), "by": news.by}
        await _say(send, said)


async def _say(send: Send, message: dict[str, Any]) -> None:
    await send({"type": "websocket.send", "text": json.dumps(message)})
