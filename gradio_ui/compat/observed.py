"""What becomes of each event: for the metrics, and so that the lines which its function logs say
of which request, user, app and function they are.

Events run in tasks of the queue, apart from the request that made them. What Gradio prints of a
function that fails goes to the log as well, where a line is one.
"""

import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import TYPE_CHECKING, Any

import structlog
from structlog.contextvars import bound_contextvars

from gradio_ui import tracing
from gradio_ui.metrics import Meter, Outcome

if TYPE_CHECKING:
    import gradio

logger = structlog.stdlib.get_logger(__name__)


class _Run:
    """An event, or a batch of them, from the first step of its function to the last."""

    def __init__(self) -> None:
        # Until its function has come to an end.
        self.outcome: Outcome | None = "cancelled"


_run: ContextVar[_Run | None] = ContextVar("gradio_ui_observed_run", default=None)


class Observed:
    """A layer of the queue. Its events have `outcome` and `is_taken`, see `owned_events`."""

    meter: Meter

    async def push(self, *args: Any, **kwargs: Any) -> Any:
        pushed = await super().push(*args, **kwargs)  # type: ignore[misc]
        if not pushed[0]:
            self.meter.ended("failed" if pushed[2] == "error" else "refused")
        return pushed

    async def process_events(self, events: list[Any], *args: Any, **kwargs: Any) -> None:
        taken, meter = list(events), self.meter
        began = time.monotonic()
        for event in taken:
            event.is_taken = True
            meter.waited(began - event.enqueue_time)
        with (
            _running() as run,
            bound_contextvars(**(fields := _fields_of(taken))),
            tracing.span(f"function {fields['function']}", taken[0].request.scope) as span,
        ):
            try:
                await super().process_events(events, *args, **kwargs)  # type: ignore[misc]
            finally:
                meter.ran(time.monotonic() - began)
                tracing.ended(span, run.outcome)
                for event in taken:
                    meter.ended(event.outcome or run.outcome or "ok")

    async def remove_from_queue(self, event_id: str) -> None:
        event = self.event_ids_to_events.get(event_id)  # type: ignore[attr-defined]
        await super().remove_from_queue(event_id)  # type: ignore[misc]
        self._count_gone([event] if event else [])

    async def clean_events(
        self, *, session_hash: str | None = None, event_id: str | None = None
    ) -> None:
        found = [
            event
            for waiting in self.event_queue_per_concurrency_id.values()  # type: ignore[attr-defined]
            for event in waiting.queue
            if event.session_hash == session_hash or event._id == event_id
        ]
        await super().clean_events(session_hash=session_hash, event_id=event_id)  # type: ignore[misc]
        self._count_gone(found)

    def _count_gone(self, events: Iterable[Any]) -> None:
        """Those that will not be taken out of the queue any more."""
        for event in events:
            if not event.is_taken and event._id not in self.event_ids_to_events:  # type: ignore[attr-defined]
                self.meter.ended("cancelled")


def hook(blocks: "gradio.Blocks", slug: str) -> None:
    """After everything else that is around `process_api`."""
    from gradio import Error, queueing, route_utils, routes
    from gradio.caching import CacheMissError

    for module in (queueing, routes, route_utils):
        module.traceback = _Traceback("traceback")  # type: ignore[attr-defined]
    meter = blocks._queue.meter = Meter(slug)  # type: ignore[attr-defined]
    original = blocks.process_api

    async def process_api(
        block_fn: Any, inputs: Any, state: Any = None, request: Any = None, **kwargs: Any
    ) -> Any:
        if run := _run.get():
            return await step(run, block_fn, inputs, state, request, **kwargs)
        if request is None or block_fn.is_validator_function:
            return await original(block_fn, inputs, state, request, **kwargs)
        # Not from the queue: `/run`, and what the end of a page brings.
        began = time.monotonic()
        with (
            _running() as run,
            bound_contextvars(**(fields := _fields(block_fn, [request.request]))),
            tracing.span(f"function {fields['function']}", request.request.scope) as span,
        ):
            try:
                result = await step(run, block_fn, inputs, state, request, **kwargs)
                if result["is_generating"]:
                    run.outcome = None  # each step is asked for
                return result
            except CacheMissError:
                run.outcome = None  # only a question; it goes into the queue now
                raise
            finally:
                tracing.ended(span, run.outcome)
                if run.outcome:
                    meter.ran(time.monotonic() - began)
                    meter.ended(run.outcome)

    async def step(run: _Run, block_fn: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            result = await original(block_fn, *args, **kwargs)
        except Error:
            run.outcome = "error"
            raise
        except Exception:
            run.outcome = "failed"
            raise
        if not result["is_generating"] or block_fn.connection == "stream":
            run.outcome = "ok"
        return result

    blocks.process_api = process_api  # type: ignore[method-assign, assignment]


@contextmanager
def _running() -> Iterator[_Run]:
    run = _Run()
    token = _run.set(run)
    try:
        yield run
    finally:
        _run.reset(token)


def _fields_of(events: list[Any]) -> dict[str, Any]:
    fields = _fields(events[0].fn, [event.request for event in events])
    if len(events) == 1:
        # It begins with the process, and ends with what makes it a secret.
        fields["event_id"] = events[0]._id[12:20]
    return fields


def _fields(block_fn: Any, requests: list[Any]) -> dict[str, Any]:
    """What the lines of a function say besides. A batch is of several requests."""
    log = requests[0].scope.get("log") or {}
    if len(requests) > 1:
        log = {"app": log.get("app")}
    return {**log, "function": block_fn.api_name or block_fn.name}


class _Traceback(ModuleType):
    """`traceback` as modules of Gradio see it, which print of it what nobody has caught."""

    def __getattr__(self, name: str) -> Any:
        return getattr(traceback, name)

    @staticmethod
    def print_exc(*args: Any, **kwargs: Any) -> None:
        from gradio import Error

        error = sys.exception()
        if isinstance(error, Error):
            logger.warning("A function has raised an error for its user.", exc_info=True)
        else:
            logger.error("A function has failed.", exc_info=True)
