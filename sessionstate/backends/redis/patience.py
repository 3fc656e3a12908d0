"""A time limit for an answer that an event loop can also fail to notice."""

from __future__ import annotations

import asyncio
from types import TracebackType

_SLICES = 4


class Patience:
    """`async with` it as often as needed: the limit is for all of it together, within a slice.

    `asyncio.timeout` would blame the store for an event loop that was busy itself: when it comes
    back to its business after the limit, the answer is there, but the timer comes first. Counted
    in slices, a delay of the loop is one slice, however long it was.
    """

    def __init__(self, seconds: float) -> None:
        self._slice = seconds / _SLICES
        self._left = _SLICES
        self._limit = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        self._limit = await asyncio.timeout(None).__aenter__()
        self._wait()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._slice, self._tick)

    def _tick(self) -> None:
        self._left -= 1
        if self._left > 0:
            self._wait()
        else:
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._timer is not None
        self._timer.cancel()
        await self._limit.__aexit__(kind, error, traceback)
