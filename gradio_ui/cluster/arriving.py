"""Requests that have come to the process that holds what they name, and are not answered yet.

The event that somebody asks for is not there before its request has passed the gate: a process
that stops must not give a page back while one is on the way to it.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Message, Send


class Arriving:
    """By name, of one process; used on the event loop only."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()

    def __contains__(self, name: str) -> bool:
        return name in self._count

    @contextmanager
    def counted(self, name: str, send: Send) -> Iterator[Send]:
        """From now on until the answer begins: then there is the event, or none."""
        has_begun = False

        def begin() -> None:
            nonlocal has_begun
            if not has_begun:
                has_begun = True
                self._count[name] -= 1
                if not self._count[name]:
                    del self._count[name]

        async def sent(message: Message) -> None:
            begin()
            await send(message)

        self._count[name] += 1
        try:
            yield sent
        finally:
            begin()
