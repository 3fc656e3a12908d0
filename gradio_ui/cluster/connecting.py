"""Connections to other processes, those that are idle kept for the next request."""

import asyncio
import time
from collections import defaultdict

from gradio_ui.cluster import wire
from gradio_ui.cluster.claims import Holder
from gradio_ui.cluster.listener import split
from gradio_ui.cluster.wire import Channel
from gradio_ui.conf import conf

# Seconds for making a connection; a loop that stands still that long answers nobody.
LIMIT = 3.0
# Idle connections to one process; seconds after which one is not used again.
_MOST, _AGE = 32, 60.0


class Unreachable(ConnectionError):
    """It does not answer, which does not say that it is dead."""


class Connecting:
    def __init__(self) -> None:
        self._idle: defaultdict[str, list[tuple[Channel, float]]] = defaultdict(list)

    async def to(self, holder: Holder) -> Channel:
        """Raises `ConnectionRefusedError`, which proves that the process has ended, and
        `Unreachable`."""
        idle = self._idle[holder.process]
        while idle:
            channel, since = idle.pop()
            if channel.is_idle and time.monotonic() - since < _AGE:
                return channel
            channel.close()
        try:
            async with asyncio.timeout(LIMIT):
                return await self._connect(holder)
        except ConnectionRefusedError:
            self.forget(holder.process)
            raise
        except (OSError, TimeoutError) as error:
            raise Unreachable(f"{holder.address}: {type(error).__name__}") from error

    async def _connect(self, holder: Holder) -> Channel:
        if holder.address.startswith("unix:"):
            path = holder.address.removeprefix("unix:")
            reader, writer = await asyncio.open_unix_connection(path, limit=wire.CHUNK)
        else:
            reader, writer = await asyncio.open_connection(*split(holder.address), limit=wire.CHUNK)
        try:
            wire.notice_silence(writer, conf.cluster_patience)
            return await wire.greet(reader, writer, holder.process)
        except BaseException:
            writer.close()
            raise

    def keep(self, holder: Holder, channel: Channel) -> None:
        idle = self._idle[holder.process]
        if len(idle) < _MOST and channel.is_idle:
            idle.append((channel, time.monotonic()))
        else:
            channel.close()

    def forget(self, process: str) -> None:
        for channel, _ in self._idle.pop(process, ()):
            channel.close()

    def close(self) -> None:
        for process in list(self._idle):
            self.forget(process)
