"""How much each user has, in all processes together.

Each process notes how much there is in it, a number for each thing and user, and never how much
more or less it has become: what was lost on its way is made good by the next note. The numbers of
a process count while it lives (see `presence`), so a killed one leaves nothing behind.

Most of what users do is over before anybody would have read of it, and far from any limit. So
what changes is noted a moment later, if it still is so; and only who comes near a limit is asked
about, together with noting what is here, in one step.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gradio_ui.cluster import keys, reach
from gradio_ui.cluster.presence import Presence
from sessionstate.tasks import end_tasks

logger = logging.getLogger(__name__)

# Seconds until a change is noted that nobody waits for, and between two looks while anything is.
_DELAY, _LOOK = 0.5, 1.0
# What nobody has noted again for so long is nobody's (ms); seconds after which it is.
_AGE, _AGAIN = 3_600_000, 1200.0


class Tallies:
    """Of one process, used on its event loop only."""

    def __init__(self, redis: Redis, presence: Presence, process: str) -> None:
        self._redis, self._presence, self._process = redis, presence, process
        self._ask = redis.register_script(keys.TALLY)
        # All that there is in this process, by what it is and whose.
        self.counts: Callable[[], Mapping[str, int]] = dict
        self._noted: dict[str, int] = {}
        self._changed, self._hurry = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            await end_tasks(self._task)

    def few(self, limit: int) -> int:
        """While each process has no more than so many, they are far from the limit together."""
        return limit // (4 * (1 + len(self._presence.others)))

    def note(self) -> None:
        """Something has become more. What has become less is seen."""
        self._changed.set()

    def free(self) -> None:
        """Something has become less, and somebody may wait for that elsewhere."""
        self._changed.set()
        self._hurry.set()

    def forget(self) -> None:
        """Redis has lost everything."""
        self._noted.clear()
        self._changed.set()

    async def ask(self, name: str, mine: int, limit: int) -> bool:
        """Whether there are at most `limit` in all, `mine` of them here; then they are noted.

        Raises `StoreUnavailable`.
        """
        with reach.answering():
            fits = await self._ask(
                keys=[keys.tally(name)],
                args=[keys.process(), self._process, mine, limit, _AGE],
            )
        if fits:
            self._noted[name] = mine
        self.note()
        return bool(fits)

    async def _run(self) -> None:
        loop, again = asyncio.get_running_loop(), 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK if self._noted else None):
                    await self._changed.wait()
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DELAY):
                    await self._hurry.wait()
            self._hurry.clear()
            if loop.time() > again:
                again = loop.time() + _AGAIN
                self._noted = dict.fromkeys(self._noted, -1)
            try:
                await self._write(self.counts())
            except (RedisError, OSError) as error:
                logger.warning("What users have here cannot be noted: %s", type(error).__name__)
                # All of it, as soon as that is possible.
                self._noted = dict.fromkeys(self._noted, -1)

    async def _write(self, counts: Mapping[str, int]) -> None:
        changed = {
            name: counts.get(name, 0)
            for name in counts.keys() | self._noted.keys()
            if counts.get(name, 0) != self._noted.get(name, 0)
        }
        if not changed:
            return
        pipeline = self._redis.pipeline(transaction=False)
        for name, count in changed.items():
            if count:
                pipeline.hset(keys.tally(name), self._process, count)
                pipeline.pexpire(keys.tally(name), _AGE)
                self._noted[name] = count
            else:
                pipeline.hdel(keys.tally(name), self._process)
                del self._noted[name]
        await pipeline.execute()
