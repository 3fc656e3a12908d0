"""That this process lives, said to the others again and again.

From a thread of its own: a callback that blocks the event loop does not make its process dead.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from redis import Redis
from redis.exceptions import RedisError

from gradio_ui.cluster import keys

logger = logging.getLogger(__name__)

# Seconds of doubt at the end of an expiry: the time that a question takes, differences of clocks.
_MARGIN = 1.0


class Presence:
    def __init__(self, redis: Redis, process: str) -> None:
        # Whether others may send this process what nobody holds.
        self.is_open = True
        # How often others may have believed this process dead.
        self.lapses = 0
        # Ids and addresses of others that are open, a moment ago.
        self.others: dict[str, str] = {}
        self._redis = redis
        self._process, self._address = process, ""
        self._forgotten: Callable[[int | None], None] = lambda sure: None
        self._facts: Callable[[], bytes] = lambda: b"{}"
        self._epoch = b""
        self._until = 0.0
        self._ended, self._first = threading.Event(), threading.Event()
        self._renew = redis.register_script(keys.RENEW)
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(
        self, address: str, forgotten: Callable[[int | None], None], facts: Callable[[], bytes]
    ) -> None:
        """Blocks until the others can know, if Redis answers. Both are called in the thread:
        `facts` for each renewal, `forgotten` when Redis may have lost what this process holds,
        with the lapses since which nobody can have believed it dead, if there are such."""
        self._address, self._forgotten, self._facts = address, forgotten, facts
        self._thread.start()
        self._first.wait(keys.SETTLING)

    @property
    def is_sure(self) -> bool:
        """Whether nobody can have believed this process dead since the last renewal."""
        return time.monotonic() < self._until

    def end(self) -> None:
        """Blocks for a moment. From now on this process is dead to the others."""
        self._ended.set()
        self._thread.join(keys.RENEWAL)
        self._until = 0.0
        with suppress(RedisError, OSError):
            self._redis.delete(keys.process(self._process))
            self._redis.zrem(keys.processes(), self._process)
            self._redis.zrem(keys.all_processes(), self._process)
            self._redis.delete(keys.facts(self._process))

    def _run(self) -> None:
        failing = False
        while not self._ended.is_set():
            try:
                self.tell()
                failing = False
            except (RedisError, OSError) as error:
                if not failing:
                    logger.warning(
                        "Other processes cannot be told that this one lives: %s",
                        type(error).__name__,
                    )
                failing = True
            self._first.set()
            self._ended.wait(keys.RETRY if failing else keys.RENEWAL)

    def tell(self) -> None:
        """Raises `RedisError`."""
        asked = time.monotonic()
        was_there, epoch, others = self._renew(
            keys=[
                keys.process(self._process),
                keys.processes(),
                keys.epoch(),
                keys.settling(),
                keys.all_processes(),
                keys.facts(self._process),
                keys.pulse(),
                keys.back(),
            ],
            args=[
                self._process,
                self._address,
                int(keys.EXPIRY * 1000),
                int(keys.SETTLING * 1000),
                secrets.token_hex(8),
                int(self.is_open),
                self._facts(),
                int(keys.PULSE * 1000),
            ],
        )
        sure = self.lapses if self.is_sure else None
        if not was_there or sure is None:
            # The first time too, when there is nothing yet that could be taken for ours. And when
            # what was sent long ago has reached Redis just now: its answer has reached nobody.
            self.lapses += 1
        self._until = asked + keys.EXPIRY - _MARGIN
        self.others = {name.decode(): address.decode() for name, address in others}
        if self._epoch and self._epoch != epoch:
            self._forgotten(sure)
        self._epoch = epoch
