"""Ending what is queued or running in an app, with a word to the pages that wait for it.

A stream that is only cut makes Gradio's page announce a lost connection and reload. One that
ends with a failed completion of each of its events shows an error and leaves the page usable.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio


def are_running(blocks: "gradio.Blocks") -> bool:
    return len(blocks._queue) > 0 or any(job is not None for job in blocks._queue.active_jobs)


def abort(blocks: "gradio.Blocks", message: str) -> None:
    """Fail every event that is not finished. Generators are closed after their present step;
    what another function still computes goes nowhere."""
    from gradio.server_messages import ProcessCompletedMessage

    queue = blocks._queue
    for session_hash, event_ids in queue.pending_event_ids_session.items():
        messages = queue.pending_messages_per_session.get(session_hash)
        for event_id in event_ids:
            if event := queue.event_ids_to_events.get(event_id):
                event.alive = False
            if messages is not None:
                messages.put_nowait(
                    ProcessCompletedMessage(
                        output={"error": message, "visible": True},
                        success=False,
                        title="Error",
                        event_id=event_id,
                    )
                )
