"""AnyIO's worker threads must not keep a stopped server alive.

Gradio runs plain functions on AnyIO's threads. These are not daemons and end only with the task
that first asked for one, which under daphne is never waited for, or with the function they run,
which may take an hour. `gradio_ui.lifespan` lets running events finish within its limit; what
runs then still may not hold the process.
"""

from typing import Any


def make_daemons() -> None:
    from anyio._backends import _asyncio

    if issubclass(_asyncio.WorkerThread, _Daemon):
        return

    class WorkerThread(_Daemon, _asyncio.WorkerThread):
        pass

    _asyncio.WorkerThread = WorkerThread  # type: ignore[misc]


class _Daemon:
    daemon: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.daemon = True
