"""Questions of one event loop that are answered together.

One is under way at a time. What is asked meanwhile waits for its answer, and then goes in one
batch with all else that has come by then. So who is alone waits for nobody, and under load a
thread, a round trip and a query are shared by many, the more of them the more there is to do.
No answer is older than its question.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

Q = TypeVar("Q")
A = TypeVar("A")


class _Line(Generic[Q, A]):
    """Of one event loop."""

    def __init__(self) -> None:
        self.busy = False
        # Each with the time at which it came.
        self.waiting: deque[tuple[float, Q, asyncio.Future[A]]] = deque()
        self.task: asyncio.Task[None] | None = None


class Together(Generic[Q, A]):
    def __init__(
        self,
        answer: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        *,
        most: int,
        patience: Callable[[], float],
    ) -> None:
        """`answer` gives the answers to at most `most` questions in their order, or raises for all
        of them. Who has waited for `patience` seconds when it raises fails as well, so that nobody
        waits for one failure after the other."""
        self._answer = answer
        self._most = most
        self._patience = patience
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line[Q, A]] = WeakKeyDictionary()

    async def ask(self, question: Q) -> A:
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None:
            line = self._lines[loop] = _Line()
        if line.busy:
            future: asyncio.Future[A] = loop.create_future()
            line.waiting.append((time.monotonic(), question, future))
            return await future
        line.busy = True
        try:
            (answer,) = await self._answer([question])
        except Exception as error:
            self._fail_with(line, error)
            raise
        finally:
            if line.waiting:
                # Not in the context of the request that happens to be the first.
                empty = contextvars.Context()
                line.task = loop.create_task(self._go_on(line), context=empty)
            else:
                line.busy = False
        return answer

    async def _go_on(self, line: _Line[Q, A]) -> None:
        futures: list[asyncio.Future[A]] = []
        try:
            while line.waiting:
                taken = [line.waiting.popleft() for _ in range(min(len(line.waiting), self._most))]
                taken = [one for one in taken if not one[2].done()]  # somebody has left
                if not taken:
                    continue
                futures = [future for _, _, future in taken]
                try:
                    answers = await self._answer([question for _, question, _ in taken])
                except Exception as error:
                    for future in futures:
                        _fail(future, error)
                    self._fail_with(line, error)
                    continue
                for future, answer in zip(futures, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)
        finally:
            # Otherwise the loop is closing.
            for future in [*futures, *(future for _, _, future in line.waiting)]:
                future.cancel()
            line.waiting.clear()
            line.busy = False

    def _fail_with(self, line: _Line[Q, A], error: Exception) -> None:
        since = time.monotonic() - self._patience()
        while line.waiting and line.waiting[0][0] <= since:
            _fail(line.waiting.popleft()[2], error)


def _fail(future: asyncio.Future[A], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
