"""`WS /ws/session/`: an open page hears what becomes of its session.

Messages to the page, each a JSON object:

    {"type": "expiring", "seconds": 60}   without use the session ends in so many seconds
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
from io import BytesIO
from typing import Any, TypeAlias
from weakref import WeakSet

from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import Error as DatabaseError

from sessionstate import Session
from sessionstate.clock import timestamp
from sessionstate.errors import SessionGone, StoreUnavailable

from .conf import conf
from .identity import Identity, NotAuthenticated, aidentify
from .origin import is_cross_site, is_from_browser
from .watch import Held, Login, Why, watch

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

# Close codes. An application's own are 4000 and above; daphne sends no others for it.
REVOKED, TOO_BIG, TOO_MUCH, UNAVAILABLE = 4401, 4413, 4429, 4503
# Connections of one session; what a page may send: bytes of one message, messages in a minute.
MOST, MOST_BYTES, MOST_MESSAGES = 50, 1024, 60

_open: WeakSet[_Page] = WeakSet()


class _Page(Held):
    """One open connection. `closing`: the code it is to be closed with."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self.closing: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def end(self, why: Why) -> None:
        self.close(REVOKED)

    def close(self, code: int) -> None:
        if not self.closing.done():
            self.closing.set_result(code)


def close_all() -> None:
    """The server is about to stop."""
    for page in list(_open):
        page.close(UNAVAILABLE)


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application. `watch` has been started."""
    await receive()  # websocket.connect
    try:
        login, expires = await _admit(scope)
    except NotAuthenticated:
        return await send({"type": "websocket.close", "code": REVOKED})
    except (StoreUnavailable, DatabaseError):
        return await send({"type": "websocket.close", "code": UNAVAILABLE})
    scope.setdefault("log", {}).update(user_id=login.user_id, session=login.session_id[:8])
    page = _Page(login)
    watch.add(page)
    _open.add(page)
    await send({"type": "websocket.accept"})
    tasks = [
        asyncio.create_task(_drop_messages(page, receive)),
        asyncio.create_task(_warn(page, send, expires)),
    ]
    try:
        await asyncio.wait((tasks[0], page.closing), return_when=asyncio.FIRST_COMPLETED)
        tasks[1].cancel()
        if page.closing.done():
            if (code := page.closing.result()) == REVOKED:
                await _say(send, {"type": "revoked"})
            await send({"type": "websocket.close", "code": code})
    finally:
        watch.remove(page)
        _open.discard(page)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _admit(scope: Scope) -> tuple[Login, float]:
    """Who is there, and when the session ends without use."""
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    request = ASGIRequest({**scope, "type": "http", "method": "GET", "scheme": scheme}, BytesIO())
    try:
        host = request.get_host()
    except DisallowedHost as error:
        raise NotAuthenticated("invalid") from error
    identity = await aidentify(request.headers, request.COOKIES, request)
    # As for a request that changes something: a page of another site could otherwise listen.
    if (
        identity.ticket.source == "cookie"
        and is_cross_site("POST", request.headers, host, request.scheme or "")
    ) or (identity.ticket.source == "program" and is_from_browser(request.headers)):
        raise NotAuthenticated("foreign")
    login = Login.of(identity)
    if len([1 for page in _open if page.login.session_id == login.session_id]) >= MOST:
        raise NotAuthenticated("refused")
    return login, _end_of(identity)


def _end_of(identity: Identity) -> float:
    info = identity.session.info
    assert info is not None  # it has just been read
    return info.expires


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


async def _warn(page: _Page, send: Send, expires: float) -> None:
    """Before each end that is not put off by a use. That it has come is seen by the watch."""
    warned = 0.0
    while True:
        await asyncio.sleep(max(expires - timestamp() - conf.expiring_before, 0.0) + 0.05)
        session = Session(page.login.session_id)
        try:
            await session.aload()
        except SessionGone:
            return
        except (StoreUnavailable, DatabaseError):
            await asyncio.sleep(1.0)
            continue
        assert session.info is not None
        expires = session.info.expires
        left = expires - timestamp()
        if left <= conf.expiring_before and expires != warned:
            warned = expires
            await _say(send, {"type": "expiring", "seconds": max(round(left), 0)})
        if left <= conf.expiring_before:
            # Somebody may still use it, and then the next end has a warning of its own.
            await asyncio.sleep(min(max(left, 0.5), conf.expiring_before / 4))


async def _say(send: Send, message: dict[str, Any]) -> None:
    await send({"type": "websocket.send", "text": json.dumps(message)})
