"""Which process holds what a request names: the one that used it first, while it lives.

Who holds something knows so without asking, for as long as nobody can have taken it over. Where
something is that others hold is remembered too; they say when it is not true any more.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gradio_ui.cluster import keys, reach
from gradio_ui.cluster.presence import Presence
from sessionstate.conf import conf
from sessionstate.errors import StoreUnavailable

# Names of others that are remembered at most.
_MOST = 20_000
# Seconds between two questions while Redis is settling, and for which to ask.
_PAUSE, _PATIENCE = 0.1, keys.SETTLING + 2
# A use is written down once the last one noted is this part of the age old.
_RENEW = 4


@dataclass(frozen=True, slots=True)
class Holder:
    """`address`: "" for this process."""

    process: str
    address: str = ""


@dataclass(slots=True)
class _Claim:
    noted: float
    # Of the presence, then.
    lapses: int


class Claims:
    """Of one process; used on the event loop only."""

    def __init__(
        self, redis: Redis, presence: Presence, process: str, taken: Callable[[str], None]
    ) -> None:
        """`taken` is called for each name that this process holds from now on. It may have done so
        before, and others since."""
        self._redis, self._presence = redis, presence
        self._process, self._taken = process, taken
        self._claim = redis.register_script(keys.CLAIM)
        self._address = redis.register_script(keys.ADDRESS)
        self._release = redis.register_script(keys.RELEASE)
        self._mine: dict[str, _Claim] = {}
        self._others: OrderedDict[str, Holder] = OrderedDict()
        # Whether this process still takes what nobody has.
        self.is_closed = False

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._mine))

    def __contains__(self, name: str) -> bool:
        return name in self._mine

    def __len__(self) -> int:
        return len(self._mine)

    def holds(self, name: str) -> bool:
        """Whether it is this process's for sure; nobody is asked."""
        claim = self._mine.get(name)
        return (
            claim is not None
            and self._presence.is_sure
            and claim.lapses == self._presence.lapses
            and time.monotonic() - claim.noted < conf.claim_age / _RENEW
        )

    async def holder(self, name: str, *, taking: bool = True) -> Holder | None:
        """Who holds it; with `taking` this process from now on, if nobody did that lives. `None`:
        nobody.

        Raises `StoreUnavailable`.
        """
        if self.holds(name):
            return Holder(self._process)
        return self.remembered(name) or await self._ask(name, taking)

    def remembered(self, name: str) -> Holder | None:
        """Another process that has held it; nobody is asked."""
        if known := self._others.get(name):
            self._others.move_to_end(name)
        return known

    async def take(self, name: str) -> bool:
        """Whether this process holds it, or does from now on. Raises `StoreUnavailable`."""
        if self.holds(name):
            return True
        found = await self._ask(name, True)
        return found is not None and not found.address

    async def _ask(self, name: str, taking: bool) -> Holder | None:
        lapses, asked = self._presence.lapses, time.monotonic()
        taking = name in self._mine or (taking and not self.is_closed)
        claimed = self._process if taking else ""
        process, address = await self._settled(
            self._claim, keys.claim(name), keys.process(), claimed, int(conf.claim_age * 1000)
        )
        self._others.pop(name, None)
        if process == self._process:
            self._mine[name] = _Claim(asked, lapses)
            if address:
                self._taken(name)
            return Holder(self._process)
        self._mine.pop(name, None)
        if not process:
            return None
        holder = self._others[name] = Holder(process, address)
        if len(self._others) > _MOST:
            self._others.popitem(last=False)
        return holder

    async def address(self, process: str) -> str:
        """Of another process, "" when it does not live any more. Raises `StoreUnavailable`."""
        address, _ = await self._settled(self._address, keys.process(process))
        return address

    async def _settled(self, script: Any, key: str, *args: Any) -> tuple[str, str]:
        """What it answers once Redis has heard from all processes that live."""
        names = [key, keys.settling(), keys.epoch(), keys.pulse(), keys.back()]
        until = time.monotonic() + _PATIENCE
        while True:
            with reach.answering():
                first, second = await script(keys=names, args=args)
            if second != b"settling":
                return first.decode(), second.decode()
            if time.monotonic() > until:
                raise StoreUnavailable("Redis has just lost what the processes hold")
            await asyncio.sleep(_PAUSE)

    def mistaken(self, name: str) -> None:
        """It is not where it was thought to be."""
        self._others.pop(name, None)

    async def release(self, *names: str) -> None:
        """Whoever asks next may have them."""
        mine = [name for name in names if self._mine.pop(name, None)]
        for name in names:
            self._others.pop(name, None)
        if mine:
            try:
                await self._release(keys=[keys.claim(name) for name in mine], args=[self._process])
            except (RedisError, OSError):
                return  # They end with their age, or when this process has ended.

    async def note_again(self, sure: int | None) -> None:
        """Redis has lost what it was told, or some of it. What was noted here since so many lapses
        is ours, whatever Redis says; of the rest, what somebody else has taken is theirs."""
        until = time.monotonic() + keys.SETTLING
        while not await self._noted_again(sure) and time.monotonic() < until:
            await asyncio.sleep(_PAUSE)

    async def _noted_again(self, sure: int | None) -> bool:
        names, lapses, now = list(self._mine), self._presence.lapses, time.monotonic()
        pipeline = self._redis.pipeline(transaction=False)
        for name in names:
            is_sure = self._mine[name].lapses == sure
            pipeline.set(
                keys.claim(name), self._process, nx=not is_sure, px=int(conf.claim_age * 1000)
            )
        try:
            noted = await pipeline.execute()
        except (RedisError, OSError):
            return False
        for name, is_ours in zip(names, noted, strict=True):
            if is_ours:
                self._mine[name] = _Claim(now, lapses)
            else:
                self._mine.pop(name, None)
        return True
