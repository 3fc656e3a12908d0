"""Start and stop of the Gradio apps, under servers that announce both and servers that do not.

uvicorn sends ASGI lifespan events; daphne, which `manage.py runserver` uses, does not. So the
first request starts what no event has started, and who stops it is, whichever comes first: the
lifespan event, the signal, the end of the interpreter.

On a signal the pages that are open are drained before the server hears of it: uvicorn would wait
for ever for Gradio's heartbeats, and daphne would cut everything at once. Heartbeats get a
disconnect, running events have a moment to finish and then fail with a word to their page, the
apps stop in the task that started them. Then the signal goes on to the server.
"""

import asyncio
import atexit
import contextlib
import contextvars
import gc
import logging
import signal
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import gradio
from django.utils.translation import gettext_noop as _

from accounts import live
from accounts.watch import watch
from gradio_ui import listening, stopping
from gradio_ui.cluster.routing import Cluster
from gradio_ui.compat import events, exits, pages
from gradio_ui.conf import conf
from gradio_ui.connections import Connections
from gradio_ui.mount import Mount

logger = logging.getLogger(__name__)

# Seconds that running events have to finish when somebody waits (Ctrl-C), that pages have to hear
# that theirs did not, and that the apps have to stop: together well below three. Whoever
# restarts one of several processes with SIGTERM gives events `GRADIO_UI_DRAIN_LIMIT`.
DRAIN_LIMIT = 1.0
NOTICE_LIMIT = 0.3
STOP_LIMIT = 0.5
NOTICE = _("The server is restarting. Please try again in a moment.")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Lifespan:
    def __init__(
        self,
        mounts: Iterable[Mount],
        connections: Connections,
        cluster: Cluster | None = None,
    ) -> None:
        self.is_draining = False
        self._mounts = list(mounts)
        self._connections = connections
        self._cluster = cluster
        self._drain_limit = DRAIN_LIMIT
        self._loop: asyncio.AbstractEventLoop | None = None
        self._owner: asyncio.Task[None] | None = None
        self._started: asyncio.Future[None] | None = None
        self._stop: asyncio.Event | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._handlers: dict[int, Any] = {}
        # The interpreter would go through every object of Gradio and pandas once more before it
        # ends, which takes seconds on a busy machine.
        atexit.register(gc.freeze)
        exits.before_threads_end(self._at_exit)

    @property
    def is_draining(self) -> bool:
        return stopping.is_draining

    @is_draining.setter
    def is_draining(self, value: bool) -> None:
        stopping.is_draining = value

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """Where the apps run, while they do."""
        return self._loop if self._owner is not None else None

    async def start(self) -> None:
        """Returns when every app has started, or failed to and says so."""
        if self._started is None:
            self._loop = asyncio.get_running_loop()
            self._started = self._loop.create_future()
            self._stop = asyncio.Event()
            self.is_draining, self._stopping = False, None
            # Not in the context of the request that happens to be the first.
            self._owner = self._loop.create_task(self._own(), context=contextvars.Context())
            watch.start()
            self._watch()
        if not self._started.done():
            await asyncio.shield(self._started)
        self._started.result()

    async def stop(self) -> None:
        """Drain and stop, once, however many ask for it."""
        if self._owner is None:
            return
        self.is_draining = True
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._wind_down())
        await asyncio.shield(self._stopping)

    async def _own(self) -> None:
        # What Gradio starts must be stopped by the same task.
        assert self._started is not None and self._stop is not None
        async with contextlib.AsyncExitStack() as stack:
            for mount in self._mounts:
                if mount.app is None:
                    continue
                try:
                    context = mount.app.router.lifespan_context(mount.app)
                    # Examples are cached now.
                    with mount.being_built():
                        await stack.enter_async_context(context)
                except Exception as error:
                    mount.fail(error)
            # What is there now stays. Looking through it for garbage, again and again, would take
            # a fifth of the time of every event.
            gc.freeze()
            try:
                if self._cluster:
                    await self._cluster.start()
            except Exception as error:  # every request says so, and none waits for ever
                self._started.set_exception(error)
                return
            self._started.set_result(None)
            await self._stop.wait()

    async def _drain(self) -> None:
        assert self._loop is not None
        end = self._loop.time() + self._drain_limit
        if self._cluster:
            # The pages whose events still run are served for as long.
            await self._cluster.drain(self._is_busy, end)
            await listening.end(self._handlers.values())
            self._connections.end(endless=True)
            await listening.answered(end)
        self._connections.end(endless=True)
        live.close_all()
        if await self._is_idle(end - self._loop.time()):
            return
        for blocks in self._all_blocks():
            events.abort(blocks, NOTICE)
        if not await self._is_idle(NOTICE_LIMIT):
            self._connections.end(endless=False)
            await self._is_idle(NOTICE_LIMIT)

    def _is_busy(self, page: str) -> bool:
        """Whether events of a page run, or have ended and it has not heard so."""
        return any(
            pages.is_busy(blocks, page) or pages.undelivered(blocks, page)
            for blocks in self._all_blocks()
        )

    async def _is_idle(self, limit: float) -> bool:
        """Wait until no page is open and no event runs, `limit` seconds at most."""
        assert self._loop is not None
        end = self._loop.time() + limit
        while self._connections or any(map(events.are_running, self._all_blocks())):
            if self._loop.time() > end:
                return False
            await asyncio.sleep(0.02)
        return True

    def _all_blocks(self) -> list[gradio.Blocks]:
        return [mount.blocks for mount in self._mounts if mount.blocks is not None]

    async def _wind_down(self) -> None:
        assert self._owner is not None and self._stop is not None
        await self._drain()
        if self._cluster:
            await self._cluster.stop()
        await watch.stop()
        self._stop.set()
        done, _ = await asyncio.wait((self._owner,), timeout=STOP_LIMIT)
        if not done:
            self._owner.cancel()
            logger.warning("A Gradio app took too long to stop.")
        elif error := self._owner.exception():
            logger.error("A Gradio app failed to stop.", exc_info=error)
        self._owner = self._started = None
        self._unwatch()

    def _watch(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                # Ignored (a shell's background job) stays ignored.
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._handlers[number] = signal.signal(number, self._on_signal)

    def _unwatch(self) -> None:
        for number, previous in self._handlers.items():
            # A server may have put its own handlers back already.
            if signal.getsignal(number) == self._on_signal:
                signal.signal(number, previous)
        self._handlers.clear()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._loop is None or self.is_draining:
            # The second Ctrl-C of somebody in a hurry.
            self._hand_on(number)
            return
        self.is_draining = True
        if number == signal.SIGTERM:
            self._drain_limit = conf.drain_limit
        self._loop.call_soon_threadsafe(self._drain_then, lambda: self._hand_on(number))

    def _drain_then(self, hand_on: Callable[[], None]) -> None:
        assert self._loop is not None
        task = self._loop.create_task(self.stop())
        task.add_done_callback(lambda _: hand_on())

    def _hand_on(self, number: int) -> None:
        """Let the server have the signal, in whichever way it listens to it."""
        self._unwatch()
        signal.raise_signal(signal.Signals(number))

    def _at_exit(self) -> None:
        """Nobody has stopped the apps: the autoreloader runs the server in a thread, and ends or
        restarts it without a word."""
        loop = self._loop
        if self._owner is None or loop is None or loop.is_closed():
            return
        with contextlib.suppress(Exception):
            if loop.is_running():
                asyncio.run_coroutine_threadsafe(self.stop(), loop).result(2)
            else:
                loop.run_until_complete(self.stop())
