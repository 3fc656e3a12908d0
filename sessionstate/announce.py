"""What one process tells all the others: a session has ended, somebody's access or values have
changed.

Whoever listens in this process hears it at once, in the thread that tells. Other processes hear
it through the channels layer, if that reaches them. There it may be late or get lost, so nobody
relies on it alone: `accounts.watch` also looks for itself. And nobody who tells waits for the
layer, or fails with it.
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.dispatch import receiver

from sessionstate.signals import session_revoked
from sessionstate.tasks import end_tasks

logger = logging.getLogger(__name__)

GROUP = "gradiosession.news"
# Seconds: for one attempt to send a message; that it is worth trying again; that a process which
# ends waits for its last ones; without any message until the subscription is made anew, for it
# may have been forgotten.
SEND_LIMIT, WORTH, EXIT_LIMIT, SILENCE = 2.0, 30.0, 1.0, 30.0
# Seconds between the messages by which a process hears whether it hears. Less than the second for
# which the layer waits before it makes a connection anew: one at least must be lost with it.
BEAT = 0.5
# Messages that wait at most. Who tells more at once is helped by the look of the others.
MOST = 1000

# Seconds until another attempt: to hear, to send.
_HEAR_AGAIN, _SEND_AGAIN = 1.0, 0.1


@dataclass(frozen=True, slots=True)
class News:
    """`session`: the session of this id has ended. `user`: look again what the user of this id
    may do, or everybody when it is "". `session values` and `user values`: of the session or user
    of this id, those under `keys` have changed, in the page `by` if in one. `missed`: of this
    process alone, it may not have heard what others told."""

    kind: Literal["session", "user", "session values", "user values", "missed"]
    id: str
    keys: tuple[str, ...] = ()
    by: str = ""


Listener = Callable[[News], None]

_listeners: list[Listener] = []


def listen(listener: Listener) -> Callable[[], None]:
    """`listener` is called in any thread, and must return at once. Returns what ends it."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def tell(news: News) -> None:
    _pass_on(news)
    if (layer := _layer()) is not None:
        _post.send(layer, news)


def _pass_on(news: News) -> None:
    for listener in list(_listeners):
        try:
            listener(news)
        except Exception:
            logger.exception("A listener failed.")


async def hear() -> None:
    """Passes on what other processes tell, until it is cancelled. Survives every outage of the
    layer; returns at once when there is none that reaches other processes."""
    layer = _layer()
    while layer is not None:
        # What was told before the first beat may not have been heard.
        beats, last = itertools.count(1), -1
        beating: asyncio.Task[None] | None = None
        try:
            channel = await layer.new_channel()
            await layer.group_add(GROUP, channel)
            beating = asyncio.create_task(_beat(layer, channel, beats))
            with suppress(TimeoutError):
                while True:
                    async with asyncio.timeout(SILENCE):
                        message = await layer.receive(channel)
                    if message["type"] == "beat":
                        if message["number"] != last + 1:
                            _pass_on(News("missed", ""))
                        last = message["number"]
                    elif message["sender"] != _post.sender:
                        _pass_on(_unpacked(**message["news"]))
            await layer.group_discard(GROUP, channel)
        except asyncio.CancelledError:
            await _close(layer)
            raise
        except Exception as error:
            logger.warning("Nothing is heard from other processes: %s", type(error).__name__)
            await asyncio.sleep(_HEAR_AGAIN)
        finally:
            if beating is not None:
                await end_tasks(beating)


async def _beat(layer: Any, channel: str, numbers: Iterator[int]) -> None:
    """The layer makes a connection that broke anew, and does not tell what was lost meanwhile."""
    for number in numbers:
        with suppress(Exception):
            async with asyncio.timeout(SEND_LIMIT):
                await layer.send(channel, {"type": "beat", "number": number})
        await asyncio.sleep(BEAT)


def _unpacked(keys: list[str], **fields: Any) -> News:
    return News(keys=tuple(keys), **fields)


def _layer() -> Any:
    """`None` for one that ends at this process."""
    layer = get_channel_layer()
    return None if isinstance(layer, InMemoryChannelLayer) else layer


async def _close(layer: Any) -> None:
    """Of this event loop, what the layer has opened."""
    with suppress(Exception):
        # The one that keeps its messages in Redis would delete them at a flush.
        await getattr(layer, "close_pools", layer.flush)()


class _Post:
    """Sends from a thread of its own with an event loop of its own: whoever tells may be a
    thread, a command or a coroutine."""

    def __init__(self) -> None:
        self.sender = uuid.uuid4().hex
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._turn = asyncio.Lock()
        self._waiting: set[Future[None]] = set()

    def send(self, layer: Any, news: News) -> None:
        with self._lock:
            loop = self._running()
            if len(self._waiting) >= MOST:
                return
            message = {"type": "news", "news": asdict(news), "sender": self.sender}
            future = asyncio.run_coroutine_threadsafe(self._send(layer, message), loop)
            self._waiting.add(future)
        future.add_done_callback(self._sent)

    async def _send(self, layer: Any, message: dict[str, Any]) -> None:
        """In order, and again when it fails: the first after an outage always does, since the
        layer notices by it that its connection is broken."""
        end, failed = time.monotonic() + WORTH, "no time"
        async with self._turn:
            while time.monotonic() < end:
                try:
                    async with asyncio.timeout(SEND_LIMIT):
                        await layer.group_send(GROUP, message)
                    return
                except Exception as error:
                    failed = type(error).__name__
                    await asyncio.sleep(_SEND_AGAIN)
        logger.warning("Other processes were not told and will see for themselves: %s", failed)

    def _sent(self, future: Future[None]) -> None:
        with self._lock:
            self._waiting.discard(future)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None or self._pid != os.getpid():  # a fork has no thread
            self._pid, self._loop, self._waiting = os.getpid(), asyncio.new_event_loop(), set()
            self._turn = asyncio.Lock()
            threading.Thread(target=self._loop.run_forever, name="announce", daemon=True).start()
            atexit.register(self._last)
        return self._loop

    def _last(self) -> None:
        """A command must not end before it has told."""
        if self._pid == os.getpid():
            wait(set(self._waiting), EXIT_LIMIT)


_post = _Post()


@receiver(session_revoked)
def _tell(session_id: str, **_: Any) -> None:
    tell(News("session", session_id))
