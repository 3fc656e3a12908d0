"""The two requests of every event, without FastAPI.

The gate knows already which route it is and who asks. FastAPI would look for the route among some
sixty, solve dependencies that have nothing left to do, and pass everything through a dozen layers:
a quarter of what an event costs. Here Gradio's endpoints are called with what FastAPI would give
them. What is not plainly as Gradio's clients send it goes the long way, where FastAPI says what is
wrong with it.

And the messages of a stream that are there together are sent together. That an event waits or has
begun is told a moment later, or with its result if that is there by then: a page has no use for it
sooner, and most answers are one piece then, where they were four.
"""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gradio_ui import bodies

if TYPE_CHECKING:
    import gradio

_JSON = (b"content-type", b"application/json")
_PAGE = re.compile(rb"session_hash=([\w-]+)")
# What a message begins with that says nothing but that an event waits or has begun.
_NEWS = tuple(f'data: {{"msg":"{name}"' for name in ("estimation", "process_starts"))
# Seconds for which those, and the beginning of the answer, wait for what comes next.
_MOMENT = 0.05


class Direct:
    """Pure ASGI, around the router of a mounted app. The gate has let its user in."""

    def __init__(self, parent: Starlette, blocks: "gradio.Blocks") -> None:
        (mount,) = parent.routes
        self._router, self._blocks = parent.router, blocks
        self._root: str = mount.path  # type: ignore[attr-defined]
        self._app: Any = mount.app  # type: ignore[attr-defined]
        (included,) = [route for route in self._app.routes if hasattr(route, "original_router")]
        inner = included.original_router
        routes = {route.path.removeprefix(inner.prefix): route for route in inner.routes}
        self._join_route, self._listen_route = routes["/queue/join"], routes["/queue/data"]
        self._ways: dict[tuple[str, str], ASGIApp] = {
            ("POST", self._root + self._join_route.path): ServerErrorMiddleware(self._join),
            ("GET", self._root + self._listen_route.path): ServerErrorMiddleware(self._listen),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        way = self._ways.get((scope["method"], path))
        if way is None or scope.get("user") is None:
            way = self._router
        await way(scope, receive, send)

    async def _join(self, scope: Scope, receive: Receive, send: Send) -> None:
        from gradio.data_classes import PredictBody

        request = Request(self._known(scope, self._join_route), receive)
        content = await request.body()
        if _JSON not in scope["headers"]:
            return await self._router(scope, bodies.replay(content, receive), send)
        try:
            body = PredictBody.model_validate(await request.json())
        except ValueError:
            return await self._router(scope, bodies.replay(content, receive), send)
        response: Response
        try:
            username = self._app.auth_dependency(request)
            response = JSONResponse(await self._join_route.endpoint(body, request, username))
        except HTTPException as error:
            response = await self._app.exception_handlers[HTTPException](request, error)
        await response(scope, receive, send)

    async def _listen(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = _PAGE.fullmatch(scope["query_string"])
        if named is None:
            return await self._router(scope, receive, send)
        page = named[1].decode()
        said = _Said(send, self._blocks._queue.pending_messages_per_session, page)
        request = _Listener(self._known(scope, self._listen_route), receive)
        request.said = said
        response: StreamingResponse = await self._listen_route.endpoint(request, page)
        said.begin(response)
        try:
            async for message in response.body_iterator:
                said.parts.append(message)  # type: ignore[arg-type]
        except BaseException:
            await said.send()
            raise
        else:
            await said.send(is_last=True)
        finally:
            said.close()

    def _known(self, scope: Scope, route: Any) -> Scope:
        """What the routers would have noted."""
        root = scope.get("root_path", "")
        return {
            **scope,
            "app": self._app,
            "router": self._router,
            "route": route,
            "endpoint": route.endpoint,
            "path_params": {},
            "root_path": root + self._root,
            "app_root_path": root,
        }


class _Said:
    """What a stream has said and not sent yet, its beginning included."""

    def __init__(self, send: Send, messages: Mapping[str, Any], page: str) -> None:
        self.parts: list[str] = []
        self._send, self._messages, self._page = send, messages, page
        self._start: dict[str, Any] | None = None
        # What waits is sent then, if nothing else is sent before.
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        # A client that is slow to take one piece gets the next one after it.
        self._turn = asyncio.Lock()

    def begin(self, response: StreamingResponse) -> None:
        self._start = {"status": response.status_code, "headers": response.raw_headers}
        self._wait()

    @property
    def is_all(self) -> bool:
        """Whether there is nothing more to be said at the moment."""
        waiting = self._messages.get(self._page)
        return waiting is None or waiting.empty()

    async def send_soon(self) -> None:
        """News may wait for a result."""
        if not all(part.startswith(_NEWS) for part in self.parts):
            await self.send()
        elif self.parts and self._timer is None:
            self._wait()

    async def send(self, *, is_last: bool = False) -> None:
        self._stop_waiting()
        await self._send_all(is_last)

    def close(self) -> None:
        self._stop_waiting()
        if self._sending is not None:
            self._sending.cancel()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_MOMENT, self._have_waited)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _have_waited(self) -> None:
        self._timer = None
        self._sending = asyncio.ensure_future(self._send_waiting())

    async def _send_waiting(self) -> None:
        # Whether the client has left is seen elsewhere, while there is nothing to send.
        with suppress(ClientDisconnect):
            await self._send_all(is_last=False)

    async def _send_all(self, is_last: bool) -> None:
        async with self._turn:
            body, self.parts = "".join(self.parts).encode(), []
            start, self._start = self._start, None
            more = not is_last
            try:
                if start is not None:
                    if is_last:  # all of it is known, so it need not go in chunks
                        length = (b"content-length", str(len(body)).encode())
                        start["headers"] = [*start["headers"], length]
                    await self._send({"type": "http.response.start", **start})
                if body or is_last:
                    part = {"type": "http.response.body", "body": body, "more_body": more}
                    await self._send(part)
            except OSError as error:
                raise ClientDisconnect from error  # as Starlette does


class _Listener(Request):
    said: _Said

    async def is_disconnected(self) -> bool:
        """Gradio asks before it waits for each message."""
        if self.said.is_all:
            await self.said.send_soon()
        return await super().is_disconnected()
