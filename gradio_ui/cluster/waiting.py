"""Requests that other processes answer at the moment, for as long as that may take.

Who is cut off, or stands still, does not say so, and its connections stay open. Those to a process
that is dead to all others, because it has not renewed its key, are given up here.
"""

import asyncio
import contextlib
from collections.abc import Iterator

from gradio_ui.cluster import keys
from gradio_ui.cluster.claims import Claims, Holder
from gradio_ui.cluster.presence import Presence
from gradio_ui.cluster.wire import Channel
from sessionstate.errors import StoreUnavailable
from sessionstate.tasks import end_tasks


class Waiting:
    """Of one process, used on its event loop only."""

    def __init__(self, presence: Presence, claims: Claims) -> None:
        self._presence, self._claims = presence, claims
        # Who is expected to answer on them.
        self._channels: dict[Channel, str] = {}
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def on(self, channel: Channel, holder: Holder) -> Iterator[None]:
        self._channels[channel] = holder.process
        try:
            yield
        finally:
            del self._channels[channel]

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        for channel in self._channels:
            channel.close()
        if self._task:
            await end_tasks(self._task)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(keys.EXPIRY / 4)
            # Of all others it is known that they live; and where Redis is away, of nobody that
            # they do not.
            for process in set(self._channels.values()) - self._presence.others.keys():
                with contextlib.suppress(StoreUnavailable):
                    if not await self._claims.address(process):
                        self._give_up(process)

    def _give_up(self, process: str) -> None:
        for channel in [channel for channel, of in self._channels.items() if of == process]:
            channel.give_up()
