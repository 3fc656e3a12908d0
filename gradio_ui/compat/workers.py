"""AnyIO's worker threads, on which Gradio runs plain functions.

They must not keep a stopped server alive. They are not daemons and end only with the task that
first asked for one, which under daphne is never waited for, or with the function they run, which
may take an hour. `gradio_ui.lifespan` lets running events finish within its limit; what runs then
still may not hold the process.

And a function may use Django's models. Django closes connections at the end of a request, in the
thread of the request; here a step of a callback is what a request is there. Otherwise each thread
would keep a connection of its own, and fail for good once the database had been restarted.
"""

from queue import Queue
from typing import Any

from django.db import close_old_connections


def adapt() -> None:
    from anyio._backends import _asyncio

    if issubclass(_asyncio.WorkerThread, _Worker):
        return

    class WorkerThread(_Worker, _asyncio.WorkerThread):
        pass

    _asyncio.WorkerThread = WorkerThread  # type: ignore[misc]


class _Worker:
    daemon: bool
    queue: Queue[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.daemon = True
        self.queue = _Calls(self.queue.maxsize)


class _Calls(Queue[Any]):
    def get(self, *args: Any, **kwargs: Any) -> Any:
        """The next call. The one before is over."""
        close_old_connections()
        return super().get(*args, **kwargs)
