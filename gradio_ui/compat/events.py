"""Ending what is queued or running in an app, with a word to the pages that wait for it.

A stream that is only cut makes Gradio's page announce a lost connection and reload. One that
ends with a failed completion of each of its events shows an error and leaves the page usable.
"""

import asyncio
import math
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from gradio_ui import languages, passage

if TYPE_CHECKING:
    import gradio

    from gradio_ui.revocation import Grant


def are_running(blocks: "gradio.Blocks") -> bool:
    return len(blocks._queue) > 0 or any(job is not None for job in blocks._queue.active_jobs)


def abort(blocks: "gradio.Blocks", message: str, grant: "Grant | None" = None) -> None:
    """Fail every event that is not finished, all or those of one grant. What waits never starts.
    Generators are closed after their present step; what another function still computes goes
    nowhere."""
    queue = blocks._queue
    for event in list(queue.event_ids_to_events.values()):
        passed = passage.of(event.request.scope)
        if grant is not None and (passed is None or passed.grant is not grant):
            continue
        event.alive = False
        event.outcome = "stopped"  # type: ignore[attr-defined]
        # Of one that waits for more input.
        event.run_time, event.closed = math.inf, True
        event.signal.set()
        waiting = queue.event_queue_per_concurrency_id.get(event.concurrency_id)
        if waiting is not None and event in waiting.queue:
            waiting.queue.remove(event)
            del queue.event_ids_to_events[event._id]
            queue.meter.ended("stopped")  # type: ignore[attr-defined]
        unfinished = queue.pending_event_ids_session.get(event.session_hash, ())
        if event.session_hash in queue.pending_messages_per_session and event._id in unfinished:
            fail(queue, event, message)


def fail(queue: Any, event: Any, message: str) -> None:
    """Tell whoever listens to the page, or is about to, in the language of who has asked for it."""
    from gradio.server_messages import ProcessCompletedMessage

    page, messages = event.session_hash, queue.pending_messages_per_session
    if page not in messages:
        messages[page] = asyncio.Queue()
    queue.pending_event_ids_session.setdefault(page, set()).add(event._id)
    with languages.of(event.request.scope):
        said, title = gettext(message), gettext("Error")
    messages[page].put_nowait(
        ProcessCompletedMessage(
            output={"error": said, "visible": True},
            success=False,
            title=title,
            event_id=event._id,
        )
    )
