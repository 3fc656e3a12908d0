"""A queue that sleeps when nobody uses its app.

Gradio looks every millisecond whether an event has come, which takes 8 % of a core for each
mounted app. After two quiet seconds this one looks forty times a second instead. There is no
signal to wait for, but the pause is read anew before each sleep.
"""

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio

QUIET_AFTER = 2.0
BUSY_PAUSE, QUIET_PAUSE = 0.001, 0.025
BUSY_PROGRESS_PAUSE, QUIET_PROGRESS_PAUSE = 0.01, 0.1


def pace(blocks: "gradio.Blocks") -> None:
    from gradio.queueing import Queue

    class PacedQueue(_Paced, Queue):  # type: ignore[override]  # properties for attributes
        pass

    blocks._queue.__class__ = PacedQueue


class _Paced:
    _used = 0.0

    async def push(self, *args: Any, **kwargs: Any) -> Any:
        self._used = time.monotonic()
        return await super().push(*args, **kwargs)  # type: ignore[misc]

    def _is_quiet(self) -> bool:
        if any(job is not None for job in self.active_jobs):  # type: ignore[attr-defined]
            self._used = time.monotonic()
        return time.monotonic() - self._used > QUIET_AFTER

    @property
    def sleep_when_free(self) -> float:
        return QUIET_PAUSE if self._is_quiet() else BUSY_PAUSE

    @property
    def progress_update_sleep_when_free(self) -> float:
        return QUIET_PROGRESS_PAUSE if self._is_quiet() else BUSY_PROGRESS_PAUSE
