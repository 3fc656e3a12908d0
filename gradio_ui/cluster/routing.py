"""A request, and getting it to the process that it is for."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext_noop as _
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gradio_ui import tracing
from gradio_ui.bodies import again
from gradio_ui.cluster import facts, lost, process
from gradio_ui.cluster.arriving import Arriving
from gradio_ui.cluster.claims import Claims, Holder
from gradio_ui.cluster.connecting import Connecting, Unreachable
from gradio_ui.cluster.errors import NoAnswer, Silent, Stopped
from gradio_ui.cluster.finding import ME, Finding
from gradio_ui.cluster.handover import Cut, HandOver, NotTaken, Unanswered
from gradio_ui.cluster.listener import HANDED_OVER, HELD, Listener, default_address
from gradio_ui.cluster.presence import Presence
from gradio_ui.cluster.relayed import Relayed, relayed
from gradio_ui.cluster.streams import Serve, Streams
from gradio_ui.cluster.tallies import Tallies
from gradio_ui.cluster.waiting import Waiting
from gradio_ui.conf import conf
from gradio_ui.connections import Connections
from gradio_ui.load import Load
from gradio_ui.refusals import Refused
from gradio_ui.routes import Access
from sessionstate.errors import StoreUnavailable

if TYPE_CHECKING:
    from gradio_ui.entry import Entry

_PAUSE = 0.1
# A connection may be of a Redis that has gone, with which the next one will do. All that is asked
# may be asked twice. Of what is not answered in time that would only be known later.
_AGAIN = Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,))


class Cluster:
    """Of one process, used on its event loop only."""

    def __init__(
        self,
        app: ASGIApp,
        load: Callable[[], Load],
        has_events: Callable[[str], bool],
        connections: Connections,
        begin: Callable[[str], None],
    ) -> None:
        """`app` serves what others hand over; `has_events` tells whether there are events of a
        page of whose end it has not been told; `begin` drops what this process has kept of one
        that others may have had since."""
        self._streams = Streams(has_events)
        self._connections = connections
        address = conf.cluster_address or default_address(process.ID)
        self._arriving = Arriving()
        self._app = app
        self._listener = Listener(address, process.ID, self._take_in, self._holds)
        self._connecting = Connecting()
        self._redis = AsyncRedis.from_url(settings.REDIS_URL, retry=_AGAIN, **settings.REDIS_LIMITS)
        redis = Redis.from_url(settings.REDIS_URL, retry=None, **settings.REDIS_LIMITS)
        self._presence = Presence(redis, process.ID)
        self._begin = begin
        self.claims = Claims(self._redis, self._presence, process.ID, self._taken)
        self._finding = Finding(self._redis, self._presence, self.claims)
        self._waiting = Waiting(self._presence, self.claims)
        self._load = load
        self.tallies = Tallies(self._redis, self._presence, process.ID)
        self._tasks: set[asyncio.Task[None]] = set()
        # Of all requests that named something, since the start; of those handed over, the ones
        # that were not answered to their end; and what others have handed over.
        self.kept = self.handed_over = self.failed = self.received = 0

    async def start(self) -> None:
        address = await self._listener.start()
        loop = asyncio.get_running_loop()

        def forgotten(sure: int | None) -> None:
            asyncio.run_coroutine_threadsafe(self.claims.note_again(sure), loop)
            loop.call_soon_threadsafe(self.tallies.forget)

        await asyncio.to_thread(self._presence.start, address, forgotten, self._facts)
        self.tallies.start()
        self._waiting.start()

    @property
    def others(self) -> int:
        """Other processes that take pages."""
        return len(self._presence.others)

    @property
    def is_known(self) -> bool:
        """Whether the others have been told of this process lately."""
        return self._presence.is_sure

    def _facts(self) -> bytes:
        return facts.publish(self, self._load())

    async def drain(self, is_busy: Callable[[str], bool], end: float) -> None:
        """Give every page back as soon as it is not busy; returns when there is none any more,
        or at the loop's time `end`."""
        self.claims.is_closed = True
        self._presence.is_open = False
        loop = asyncio.get_running_loop()
        while True:
            busy = [
                name
                for name in self.claims
                if name in self._arriving or is_busy(name.removeprefix("page:"))
            ]
            await self.claims.release(*(name for name in self.claims if name not in busy))
            if not busy or loop.time() > end:
                return
            await asyncio.sleep(_PAUSE)

    async def stop(self) -> None:
        self.claims.is_closed = True
        await self.claims.release(*self.claims)
        await self._waiting.stop()
        await self.tallies.stop()
        await asyncio.to_thread(self._presence.end)
        await self._listener.stop()

    def forget(self, session_hash: str) -> None:
        """This process keeps nothing of a page any more."""
        name = f"page:{session_hash}"
        if name in self.claims:
            task = asyncio.get_running_loop().create_task(self.claims.release(name))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _taken(self, name: str) -> None:
        kind, _, page = name.partition(":")
        if kind == "page":
            self._begin(page)

    async def serve(self, entry: "Entry", scope: Scope, send: Send) -> None:
        """Let the process answer that holds what the request names, this one or another. Who
        sends it is asked where it is answered, and here only if it is not known where that is.

        Raises `Refused` and what it explains.
        """
        self.received += HANDED_OVER in scope
        route = entry.route
        if route.access is Access.PAGE or route.is_mcp or HANDED_OVER in scope:
            await entry.admit()
            return await self._kept(entry, scope)(entry.receive, send)
        await entry.glance()
        found = self._finding.remembered(route, entry.names)
        if found is None:
            await entry.admit()
            found = await self._finding.find(route, entry.names)
        name, holder = found
        if holder == ME:
            self.kept += 1
            with self._arriving.counted(name, send) as send:
                return await self._kept(entry, scope)(entry.receive, send)
        self.handed_over += 1
        scope.setdefault("log", {})["handed_to"] = holder.process
        receive = entry.receive
        with ExitStack() as stack:
            if route.is_endless:
                opened = self._connections.opened(receive, is_endless=True)
                receive = stack.enter_context(opened).receive
            try:
                with tracing.span("hand over", scope, is_client=True):
                    await self._pass_on(entry, name, holder, scope, receive, send)
            except (NoAnswer, Stopped, StoreUnavailable, ConnectionAbortedError):
                self.failed += 1
                raise

    def _kept(self, entry: "Entry", scope: Scope) -> Serve:
        """To be answered here."""
        names = entry.names
        if entry.route.is_of_events and (named := names.session_hashes or names.event_ids):
            return self._streams.kept(named[0], scope, entry.serve)
        return entry.serve

    async def _pass_on(
        self,
        entry: "Entry",
        name: str,
        holder: Holder,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        first = await receive()
        if first["type"] == "http.disconnect":
            raise ClientDisconnect
        answer = relayed(entry.route, entry.names, scope, send)
        until = time.monotonic() + conf.cluster_patience
        while holder != ME:
            dead = ""
            try:
                if await self._try(holder, name, scope, first, receive, answer):
                    return
                await asyncio.sleep(_PAUSE)
            except ConnectionRefusedError:
                dead = holder.process
            except Cut as error:
                is_silent = isinstance(error, Unanswered)
                if scope["method"] != "GET" and not answer.has_begun:
                    if is_silent:
                        raise Silent(lost.SILENT) from error
                    raise Stopped(lost.NOTICE) from error
                if await (answer.silent() if is_silent else answer.cut()):
                    self.failed += 1
                    return
            except (Unreachable, NotTaken):
                await asyncio.sleep(_PAUSE)
            if time.monotonic() > until and not answer.has_begun:
                raise NoAnswer(_("The server that has your page does not answer."))
            self.claims.mistaken(name)
            try:
                await entry.admit()
                if dead:
                    await self._finding.bury(dead)
                name, holder = await self._finding.find(entry.route, entry.names)
            except (NoAnswer, StoreUnavailable, Refused):
                if answer.has_begun:
                    return await answer.end()
                raise
        await self._kept(entry, scope)(again(first, receive), answer)
        await answer.end()

    async def _try(
        self,
        holder: Holder,
        name: str,
        scope: Scope,
        first: Message,
        receive: Receive,
        answer: Relayed,
    ) -> bool:
        """Whether the client has its answer."""
        channel = await self._connecting.to(holder)
        is_free = False
        try:
            work = HandOver(channel, first, receive, answer)
            with self._waiting.on(channel, holder):
                is_free = await work.run(scope, name, process.ID)
            scope["log"] |= work.who
            if work.has_left and answer.has_begun:
                await answer.end()
            return work.has_left or await answer.complete()
        finally:
            if is_free:
                self._connecting.keep(holder, channel)
            else:
                channel.close()

    async def _take_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What another process has handed over."""
        with self._arriving.counted(scope[HELD], send) as send:
            await self._app(scope, receive, send)

    async def _holds(self, name: str) -> bool:
        try:
            return await self.claims.take(name)
        except StoreUnavailable:
            # Whoever has sent it here may know of what was long ago, and is to ask again.
            return False
