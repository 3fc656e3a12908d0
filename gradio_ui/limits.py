"""How much a user may have at a time: open streams, events, bytes on disk, calls of a function.

All logins of a user count together; a visitor counts alone. See `gradio_ui.conf` for the numbers,
`gradio_ui.limited` for those of functions and `gradio_ui.ownership` for pages. What there is in
other processes is known from `gradio_ui.cluster.tallies`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext_noop as _
from starlette.formparsers import MultiPartException
from starlette.types import Message, Receive, Scope

from gradio_ui import bodies, files, metering, rates
from gradio_ui.bodies import TooLarge
from gradio_ui.cluster.tallies import Tallies
from gradio_ui.compat import pages
from gradio_ui.conf import conf
from gradio_ui.names import NOTHING, Names
from gradio_ui.ownership import Owner, TooMany
from gradio_ui.rates import Exceeded, Limit
from sessionstate.errors import StoreUnavailable

if TYPE_CHECKING:
    import gradio

# Seconds for which an event may still count that has just ended, here or elsewhere: who hears of
# its end may be faster with the next one. And to come again when there are too many.
_LAG, _PAUSE = 0.5, 0.05
_RETRY_AFTER = 5


class NoRoom(Exception):
    """The user's files take up all that they may."""


@dataclass(eq=False)
class Booking:
    """A call that has been counted for these limits. Until its event is in the queue, or the call
    has been answered, it counts as one that runs."""

    user: str
    limits: frozenset[Limit] = rates.NONE
    makes_event: bool = False
    event_id: str = ""
    # What it counts as, of what is limited at a time.
    places: set[str] = field(default_factory=set)


class Limits:
    def __init__(
        self,
        all_blocks: Callable[[], list["gradio.Blocks"]],
        tallies: Tallies | None = None,
    ) -> None:
        """`tallies`: of all processes, if there may be others."""
        self._all_blocks = all_blocks
        self._tallies = tallies
        self._streams: Counter[str] = Counter()
        # Bytes of uploads that are not on disk yet.
        self._arriving: Counter[str] = Counter()
        self._bookings: set[Booking] = set()
        if tallies:
            tallies.counts = self.counts

    def counts(self) -> Counter[str]:
        """All that counts in this process, by what it is and whose."""
        counts = Counter({f"streams:{user}": count for user, count in self._streams.items()})
        counts.update({f"bytes:{user}": size for user, size in self._arriving.items()})
        queued: set[str] = set()
        for blocks in self._all_blocks():
            for event, user in pages.events(blocks):
                queued.add(event._id)
                counts[f"events:{user}"] += 1
                counts.update(_names(pages.limits(blocks, event.fn), user or ""))
        for booking in self._bookings:
            if booking.event_id not in queued:
                counts.update(booking.places)
                if booking.makes_event:
                    counts[f"events:{booking.user}"] += 1
        return counts

    async def stream(self, owner: Owner) -> Callable[[], None]:
        """Count one; what is returned ends that. Raises `TooMany`."""
        user = owner.user
        self._streams[user] += 1

        def end() -> None:
            self._streams[user] -= 1
            self._streams += Counter()  # drops zeros

        try:
            if not await self._fits(
                f"streams:{user}", self._streams[user], owner.allowance.streams
            ):
                raise TooMany(_("open connections"))
        except BaseException:
            end()
            raise
        return end

    async def book(
        self, owner: Owner, limits: frozenset[Limit], names: Names = NOTHING, *, makes_event: bool
    ) -> Booking:
        """Count a call, until `end`. Raises `Exceeded`, `StoreUnavailable`, and `TooMany` when
        there is no room for one more event of this page or user."""
        booking = Booking(owner.user, limits, makes_event)
        try:
            if makes_event:
                await self._make_event(booking, owner, names)
            if limits and not owner.is_exempt:
                for limit in limits:
                    if limit.concurrent:
                        await self._take_place(booking, limit)
                await metering.acharge(limits, owner.user)
        except BaseException:
            self.end(booking)
            raise
        return booking

    def end(self, booking: Booking) -> None:
        """Its event, if there is one, counts by itself, and so does its end."""
        self._bookings.discard(booking)
        self.free(booking)

    def free(self, booking: Booking) -> None:
        """It may count no more, or its event."""
        if booking.places and self._tallies:
            self._tallies.free()

    async def _make_event(self, booking: Booking, owner: Owner, names: Names) -> None:
        most, all_blocks = owner.allowance.events, self._all_blocks()
        for name in names.session_hashes:
            if any(pages.undelivered(blocks, name) >= most for blocks in all_blocks):
                raise TooMany(_("results that nobody has fetched"))
        name = f"events:{owner.user}"
        # Counting takes longer the more there are, and there are seldom so many.
        mine = sum(map(pages.count_events, all_blocks)) + len(self._bookings) + 1
        if mine > self._few(most):
            mine = self.counts()[name] + 1
        # Without a pause between looking and taking.
        self._bookings.add(booking)
        if not await self._fits(name, mine, most):
            raise TooMany(_("events that wait or run"))

    async def _take_place(self, booking: Booking, limit: Limit) -> None:
        (name,) = _names({limit}, booking.user)
        loop = asyncio.get_running_loop()
        until = loop.time() + _LAG
        while True:
            # Without a pause between looking and taking.
            mine = self.counts()[name] + 1
            if mine <= limit.concurrent:
                booking.places.add(name)
                self._bookings.add(booking)
                if self._tallies is None or await self._tallies.ask(name, mine, limit.concurrent):
                    return
                booking.places.discard(name)
            if loop.time() > until:
                raise Exceeded(limit, _RETRY_AFTER)
            await asyncio.sleep(_PAUSE)

    @contextmanager
    def upload(self, owner: Owner, used: int, scope: Scope, receive: Receive) -> Iterator[Receive]:
        """A `receive` for an upload that is stopped where it passes a limit."""
        user, most, size = owner.user, owner.allowance.bytes, 0
        counts = bodies.announced(scope)
        self._arriving[user] += counts

        async def counted() -> Message:
            nonlocal size, counts
            message = await receive()
            size += len(message.get("body", b""))
            # In words by which Gradio knows what to answer, and after which it cleans up.
            if size > conf.max_upload:
                raise MultiPartException(f"maximum allowed size: {conf.max_upload} bytes")
            if size > counts:
                self._arriving[user] += size - counts
                counts = size
                if not await self._fits(f"bytes:{user}", self._arriving[user], most - used):
                    raise MultiPartException("maximum allowed size of all your files reached")
            return message

        try:
            yield counted
        finally:
            self._arriving[user] -= counts
            self._arriving += Counter()

    async def room(self, owner: Owner, scope: Scope) -> int:
        """The bytes that the user's files take up. Raises `TooLarge` and `NoRoom` when what is
        announced would pass a limit."""
        announced = bodies.announced(scope)
        if announced > conf.max_upload:
            raise TooLarge(conf.max_upload)
        used = await files.ausage(owner.user)
        arriving, left = self._arriving[owner.user] + announced, owner.allowance.bytes - used
        if not await self._fits(f"bytes:{owner.user}", arriving, left):
            raise NoRoom
        return used

    def _few(self, limit: int) -> int:
        """So many of one user that the others need not be asked."""
        return limit if self._tallies is None else self._tallies.few(limit)

    async def _fits(self, name: str, mine: int, limit: int) -> bool:
        """Whether there are not more than `limit` in all, `mine` of them here, with the one that
        is to come. Where nobody can tell what others have, what is here decides: these limits
        protect the processes, each of which still has its own."""
        if mine > limit:
            return False
        if self._tallies is None:
            return True
        if mine <= self._few(limit):
            self._tallies.note()
            return True
        try:
            return await self._tallies.ask(name, mine, limit)
        except StoreUnavailable:
            return True


def _names(limits: Collection[Limit], user: str) -> list[str]:
    """What calls that run count as."""
    return [f"{limit.key}:{user}" for limit in limits if limit.concurrent]
