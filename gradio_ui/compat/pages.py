"""What Gradio keeps under the `session_hash` of a page.

It keeps it in dictionaries of a fixed size, from which the oldest entry falls when somebody makes
a new one, whoever's it is: 2,050 joins end another user's running stream, 10,050 hashes another
user's `gr.State`. `gradio_ui.ownership` limits the pages of each user instead.
"""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gradio_ui.compat.places import user_of
from gradio_ui.rates import Limit

if TYPE_CHECKING:
    import gradio
    from gradio.block_function import BlockFunction
    from gradio.blocks import Block
    from gradio.queueing import Event


def lift_limits(blocks: "gradio.Blocks") -> None:
    """Before the app is mounted, and after its queue has been made."""
    blocks.state_session_capacity = sys.maxsize
    blocks._queue.pending_messages_per_session.max_size = sys.maxsize


def is_busy(blocks: "gradio.Blocks", session_hash: str) -> bool:
    """Whether events of this page are waiting or running."""
    pending = blocks._queue.pending_event_ids_session.get(session_hash, set())
    return bool(pending) and any(event._id in pending for event in _events(blocks))


def forget(blocks: "gradio.Blocks", session_hash: str) -> None:
    queue = blocks._queue
    for event_id in queue.pending_event_ids_session.pop(session_hash, ()):
        # It keeps those of a function whose results are cached for ever.
        if event := queue.event_ids_to_events.pop(event_id, None):
            event.alive = False
    queue.pending_messages_per_session.pop(session_hash, None)
    for run in blocks.pending_streams.pop(session_hash, {}).values():
        for stream in run.values():
            stream.end_stream()
    blocks.pending_diff_streams.pop(session_hash, None)
    forget_state(blocks, session_hash)


def forget_state(blocks: "gradio.Blocks", session_hash: str) -> None:
    """What its functions have kept."""
    from gradio import caching

    holder = blocks.state_holder
    with contextlib.suppress(Exception):  # the app's own `delete_callback`
        holder.delete_state(session_hash)
    holder.session_data.pop(session_hash, None)
    holder.time_last_used.pop(session_hash, None)
    caching.clear_session_caches(session_hash)


def function(
    blocks: "gradio.Blocks", session_hash: str | None, fn_index: int | None, api_name: str | None
) -> "BlockFunction | None":
    """The function that a request asks for, in this page's own (`gr.render`) or the app's."""
    holder = blocks.state_holder
    fns = blocks.fns
    if session_hash is not None and session_hash in holder:
        fns = holder.session_data[session_hash].blocks_config.fns
    if fn_index is not None:
        return fns.get(fn_index)
    return next((fn for fn in fns.values() if fn.api_name == api_name), None)


def component(blocks: "gradio.Blocks", session_hash: str | None, number: int) -> "Block | None":
    """The same for a component; one that the page does not have may still be the app's."""
    holder = blocks.state_holder
    if session_hash is not None and session_hash in holder:
        found = holder.session_data[session_hash].blocks_config.blocks.get(number)
        if found is not None:
            return found
    return blocks.blocks.get(number)


def has_messages(blocks: "gradio.Blocks", session_hash: str) -> bool:
    """Whether there is a stream of this page to listen to."""
    return session_hash in blocks._queue.pending_messages_per_session


def has_news(blocks: "gradio.Blocks", session_hash: str) -> bool:
    """Whether there is, or will be, something to be told on this stream: Gradio would keep one
    open for ever where all is told."""
    messages = blocks._queue.pending_messages_per_session.get(session_hash)
    return messages is not None and (not messages.empty() or is_busy(blocks, session_hash))


def has_event(blocks: "gradio.Blocks", event_id: str) -> bool:
    """Whether there is, or will be, something to be told of this event."""
    queue = blocks._queue
    return event_id in queue.event_ids_to_events or any(
        event_id in pending for pending in queue.pending_event_ids_session.values()
    )


def undelivered(blocks: "gradio.Blocks", session_hash: str) -> int:
    """Events of a page of whose end it has not been told."""
    return len(blocks._queue.pending_event_ids_session.get(session_hash, ()))


def count_events(blocks: "gradio.Blocks") -> int:
    """Events that wait or run."""
    return count_waiting(blocks) + count_running(blocks)


def count_waiting(blocks: "gradio.Blocks") -> int:
    """From any thread, as the next."""
    queues = list(blocks._queue.event_queue_per_concurrency_id.values())
    return sum(len(waiting.queue) for waiting in queues)


def count_running(blocks: "gradio.Blocks") -> int:
    return sum(len(job) for job in list(blocks._queue.active_jobs) if job)


def events(blocks: "gradio.Blocks") -> Iterator[tuple["Event", str | None]]:
    """Those that wait or run, and whose they are."""
    return ((event, user_of(event.request)) for event in _events(blocks))


def limits(blocks: "gradio.Blocks", fn: "BlockFunction") -> frozenset[Limit]:
    found: frozenset[Limit] = blocks.call_function.limits(fn)  # type: ignore[attr-defined]
    return found


def _events(blocks: "gradio.Blocks") -> Iterator["Event"]:
    for waiting in blocks._queue.event_queue_per_concurrency_id.values():
        yield from waiting.queue
    for job in blocks._queue.active_jobs:
        yield from job or ()
