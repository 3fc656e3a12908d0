"""How much a user may have in this process at a time: open streams, events, bytes on disk.

All logins of a user count together; a visitor counts alone. See `gradio_ui.conf` for the
numbers and `gradio_ui.ownership` for pages.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.formparsers import MultiPartException
from starlette.types import Message, Receive, Scope

from gradio_ui import bodies, files
from gradio_ui.bodies import TooLarge
from gradio_ui.compat import pages
from gradio_ui.conf import conf
from gradio_ui.names import Names
from gradio_ui.ownership import Owner, TooMany
from sessionstate.threads import in_thread

if TYPE_CHECKING:
    import gradio


class NoRoom(Exception):
    """The user's files take up all that they may."""


class Limits:
    def __init__(self, all_blocks: Callable[[], list["gradio.Blocks"]]) -> None:
        self._all_blocks = all_blocks
        self._streams: Counter[str] = Counter()
        # Bytes of uploads that are not on disk yet.
        self._arriving: Counter[str] = Counter()

    @contextmanager
    def stream(self, owner: Owner) -> Iterator[None]:
        """Raises `TooMany`."""
        user = owner.user
        if self._streams[user] >= owner.allowance.streams:
            raise TooMany("open connections")
        self._streams[user] += 1
        try:
            yield
        finally:
            self._streams[user] -= 1
            self._streams += Counter()  # drops zeros

    def check_events(self, owner: Owner, names: Names) -> None:
        """Raises `TooMany` when there is no room for one more event of this page or user."""
        limit, all_blocks = owner.allowance.events, self._all_blocks()
        for name in names.session_hashes:
            if any(pages.undelivered(blocks, name) >= limit for blocks in all_blocks):
                raise TooMany("results that nobody has fetched")
        # Counting takes longer the more there are, and there are seldom so many.
        if (
            sum(map(pages.count_events, all_blocks)) >= limit
            and sum(pages.count_events_of(blocks, owner.user) for blocks in all_blocks) >= limit
        ):
            raise TooMany("events that wait or run")

    @contextmanager
    def upload(self, owner: Owner, used: int, receive: Receive) -> Iterator[Receive]:
        """A `receive` for an upload that is stopped where it passes a limit."""
        user, most, size = owner.user, owner.allowance.bytes, 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            taken = len(message.get("body", b""))
            size += taken
            self._arriving[user] += taken
            # In words by which Gradio knows what to answer, and after which it cleans up.
            if size > conf.max_upload:
                raise MultiPartException(f"maximum allowed size: {conf.max_upload} bytes")
            if used + self._arriving[user] > most:
                raise MultiPartException("maximum allowed size of all your files reached")
            return message

        try:
            yield counted
        finally:
            self._arriving[user] -= size
            self._arriving += Counter()

    async def room(self, owner: Owner, scope: Scope) -> int:
        """The bytes that the user's files take up. Raises `TooLarge` and `NoRoom` when what is
        announced would pass a limit."""
        announced = bodies.announced(scope)
        if announced > conf.max_upload:
            raise TooLarge(conf.max_upload)
        used = await in_thread(files.usage, owner.user)
        if used + self._arriving[owner.user] + announced > owner.allowance.bytes:
            raise NoRoom
        return used
