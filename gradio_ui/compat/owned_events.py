"""Events whose ids say whose they are.

Gradio draws the id of an event where the event is made, and has no hook there. The name `Event`
in the module of its queue is ours instead.
"""

from typing import Any


def install() -> None:
    from gradio import queueing

    from gradio_ui import event_ids, passage

    module: Any = queueing
    if issubclass(module.Event, _Owned):
        return

    class Event(_Owned, module.Event):  # type: ignore[misc]
        def __init__(
            self, session_hash: str | None, fn: Any, request: Any, username: str | None
        ) -> None:
            super().__init__(session_hash, fn, request, username)
            passed = passage.of(request.scope)
            if passed is None:
                return
            self._id = passed.booking.event_id = event_ids.new(passed.owner.session_id)
            if session_hash is None:
                # Gradio keeps its messages under its own id.
                self.session_hash = self._id
                passed.pages.add(self._id, passed.owner)

    module.Event = Event


class _Owned:
    # For `observed`: what has become of it, if not what its function says; and whether it has left
    # the queue for its function.
    outcome = ""
    is_taken = False
