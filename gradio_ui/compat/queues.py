"""A queue that is told when there is work.

Gradio looks every millisecond whether an event has come or a place is free. That takes 8 % of a
core for each mounted app, used or not, and each event waits for the next look. Here the pause
ends as soon as there is something to do: the numbers that the queue passes to `asyncio.sleep`
know the queue they are of, and the `sleep` that its module calls waits for that queue's bell.
"""

import asyncio
import functools
import time
from types import ModuleType
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_noop as _
from starlette.applications import Starlette

from gradio_ui import passage
from gradio_ui.compat import events
from gradio_ui.compat.fair import FairQueue
from gradio_ui.compat.observed import Observed

if TYPE_CHECKING:
    import gradio

CUT = _("The connection was interrupted. Please try again.")
# Seconds in which a page opens the stream for what it has asked for.
JUST_NOW = 5.0
# Seconds to the next look when nobody has rung; only what rings no bell waits for it.
PAUSE = 0.1
# Of the loop that passes on progress, while something runs.
PROGRESS_PAUSE = 0.01


class Pause(float):
    """A number of seconds that a bell cuts short."""

    bell: asyncio.Event

    async def wait(self) -> None:
        try:
            async with asyncio.timeout(self):
                await self.bell.wait()
        except TimeoutError:
            return
        self.bell.clear()


class _Asyncio(ModuleType):
    """`asyncio` as the queue's module sees it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    @staticmethod
    async def sleep(delay: float, result: Any = None) -> Any:
        if isinstance(delay, Pause):
            return await delay.wait()
        return await asyncio.sleep(delay, result)


def ring_for_work(blocks: "gradio.Blocks") -> None:
    from gradio import queueing

    module: Any = queueing
    if not isinstance(module.asyncio, _Asyncio):
        module.asyncio = _Asyncio("asyncio")

    # Properties in place of attributes.
    class BellQueue(FairQueue, _Bell, Observed, queueing.Queue):  # type: ignore[misc, override]
        pass

    if not hasattr(module.run_sync, "__wrapped__"):
        module.run_sync = _without_summary(module.run_sync)
    queue = blocks._queue
    queue.__class__ = BellQueue
    queue._pause = Pause(PAUSE)  # type: ignore[attr-defined]
    queue._pause.bell = asyncio.Event()  # type: ignore[attr-defined]


def bind(blocks: "gradio.Blocks", parent: Starlette) -> None:
    """To the app as it is mounted, which keeps the state of the pages. Gradio takes the app of the
    first page that sends an event, and a program may come before; `blocks.app` is another one."""
    (mount,) = parent.routes
    blocks._queue.set_server_app(mount.app)  # type: ignore[attr-defined]


def _without_summary(run_sync: Any) -> Any:
    """The summary of past events is for a page that no app of ours has; even the question whether
    it is due takes a thread."""

    @functools.wraps(run_sync)
    async def run(func: Any, *args: Any, **options: Any) -> Any:
        if isinstance(getattr(func, "__self__", None), _Bell):
            return None
        return await run_sync(func, *args, **options)

    return run


class _Bell:
    _pause: Pause

    async def push(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().push(*args, **kwargs)  # type: ignore[misc]
        finally:
            self._pause.bell.set()

    async def clean_events(
        self, *, session_hash: str | None = None, event_id: str | None = None
    ) -> None:
        """Gradio does this when the client of a stream has left, and ends all that its page has
        begun: also that for which the page opens its next stream just then, which would be silent
        for ever. That stream hears of the end."""
        since = time.monotonic() - JUST_NOW
        recent = [
            event
            for event in self.event_ids_to_events.values()  # type: ignore[attr-defined]
            if event.session_hash == session_hash and event.enqueue_time > since
        ]
        await super().clean_events(session_hash=session_hash, event_id=event_id)  # type: ignore[misc]
        for event in recent:
            events.fail(self, event, CUT)

    def get_events(self) -> Any:
        found = super().get_events()  # type: ignore[misc]
        if found and found[1] and len(found[0]) > 1:
            self._keep_one_user(found[0], found[2])
        return found

    def _keep_one_user(self, events: list[Any], concurrency_id: str) -> None:
        """A batch that takes or returns files is of one user: what a file's path means is decided
        once for the batch. The others' events go back to where they were."""
        from gradio_ui.compat.places import carries_files, user_of

        if not carries_files(events[0].fn):
            return
        user = user_of(events[0].request)
        others = [event for event in events if user_of(event.request) != user]
        events[:] = [event for event in events if event not in others]
        for event in others:
            self.event_queue_per_concurrency_id[concurrency_id].queue.put(event)  # type: ignore[attr-defined]

    async def process_events(self, events: list[Any], *args: Any, **kwargs: Any) -> None:
        try:
            await super().process_events(events, *args, **kwargs)  # type: ignore[misc]
        finally:
            # A place has become free.
            self._pause.bell.set()
            for passed in filter(None, (passage.of(event.request.scope) for event in events)):
                passed.limits.free(passed.booking)

    @property
    def sleep_when_free(self) -> Pause:
        return self._pause

    @property
    def progress_update_sleep_when_free(self) -> float:
        running = any(job is not None for job in self.active_jobs)  # type: ignore[attr-defined]
        return PROGRESS_PAUSE if running else PAUSE
