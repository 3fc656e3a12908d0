"""Users take turns in the queue.

Gradio's queue is first come, first served: whoever sends a hundred events makes all others wait
behind them. Here each event belongs to a round, in which every user has one: a user's next event
is of the round after their last one, or of the round that is being served, if they have had
nothing in it yet. Within a round they stand as they came. Rounds are of one concurrency group, of
what waits in this process.

Gradio tells each event its place by where it stands in the list of its group, and takes the first.
So the list itself is in this order, always, and what users are told is true: an event that is
overtaken hears of it.
"""

from bisect import insort
from itertools import count
from typing import Any

from gradio_ui.compat.places import user_of


class FairList(list[Any]):
    """`EventQueue.queue`. Gradio appends to it, looks at its first, and removes."""

    def __init__(self) -> None:
        super().__init__()
        self.newest: Any = None
        self._now, self._arrivals = 0, count()
        # The last round in which a user was served, of those who were in the present one or later.
        self._served: dict[str | None, int] = {}

    def append(self, event: Any) -> None:
        user = user_of(event.request)
        rounds = [other.turn[0] for other in self if user_of(other.request) == user]
        last = max(rounds, default=self._served.get(user, -1))
        event.turn = max(self._now, last + 1), next(self._arrivals)
        self.newest = event
        self.put(event)

    def put(self, event: Any) -> None:
        """Where it belongs."""
        insort(self, event, key=lambda other: other.turn)

    def served(self, event: Any) -> None:
        self._now = max(self._now, event.turn[0])
        self._served = {user: last for user, last in self._served.items() if last >= self._now}
        self._served[user_of(event.request)] = event.turn[0]


class FairQueue:
    """A queue of Gradio's in which users take turns."""

    event_queue_per_concurrency_id: dict[str, Any]

    def create_event_queue_for_fn(self, block_fn: Any) -> None:
        super().create_event_queue_for_fn(block_fn)  # type: ignore[misc]
        group = self.event_queue_per_concurrency_id[block_fn.concurrency_id]
        if not isinstance(group.queue, FairList):
            group.queue = FairList()

    def get_events(self) -> Any:
        found = super().get_events()  # type: ignore[misc]
        if found:
            events, _, concurrency_id = found
            for event in events:
                self.event_queue_per_concurrency_id[concurrency_id].queue.served(event)
        return found

    def broadcast_estimations(self, concurrency_id: str, after: int | None = None) -> None:
        if after is not None:
            # Said after an event was appended: those behind the place that it got were overtaken.
            events = self.event_queue_per_concurrency_id[concurrency_id].queue
            after = events.index(events.newest)
        super().broadcast_estimations(concurrency_id, after)  # type: ignore[misc]
