"""What can happen to a site that is in use: Redis is restarted, stands still, is away."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.load import Event, Load
from tests.servers import HERE, Place, component, free_port, frozen, running

# Seconds in which an event is refused while Redis does not answer.
REFUSED = 15.0
# After Redis is back: until everything works again.
RECOVERY = 10.0
# Nothing has stopped but Redis.
_UNCLEAR = re.compile(r"\b500\b|Internal|Traceback|Redis|ConnectionError|has stopped")


@dataclass
class Redis:
    """One that can be stopped and started. What it has is still there then."""

    directory: Path
    place: Place = HERE
    port: int = field(default_factory=free_port)
    _running: Any = None
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://{self.place.host}:{self.port}/0"

    def start(self) -> None:
        command = [*self.place.within, component("redis-server"), "--port", str(self.port)]
        command += ["--bind", self.place.host, "--protected-mode", "no", "--appendonly", "yes"]
        command += ["--dir", str(self.directory), "--save", ""]
        self._running = running(command, self.port, self.directory, host=self.place.host)
        self.process = self._running.__enter__()

    def stop(self) -> None:
        self._running.__exit__(None, None, None)

    def restart(self) -> None:
        self.away(0)

    def away(self, seconds: float) -> None:
        self.stop()
        time.sleep(seconds)
        self.start()

    def freeze(self, seconds: float) -> None:
        assert self.process
        with frozen(self.process):
            time.sleep(seconds)


@contextmanager
def redis(directory: Path, place: Place = HERE) -> Iterator[Redis]:
    directory.mkdir(parents=True, exist_ok=True)
    server = Redis(directory, place)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass
class Outage:
    name: str
    began: float
    ended: float


def outages(redis: Redis, away: float) -> list[Outage]:
    """Redis is restarted, stands still for 3 seconds, and is `away` for so many."""
    found = []
    for name, happens in {
        "restarted": redis.restart,
        "stands still": lambda: redis.freeze(3),
        "is away": lambda: redis.away(away),
    }.items():
        began = time.monotonic()
        happens()
        found.append(Outage(name, began, time.monotonic()))
        time.sleep(RECOVERY + 3)
    return found


def described(load: Load, found: list[Outage]) -> Iterator[str]:
    for outage in found:
        failed = [e for e in load.failures if outage.began <= e.ended < outage.ended + RECOVERY]
        slowest = max((event.seconds for event in failed), default=0.0)
        last = max([event.ended for event in failed] + [outage.ended]) - outage.ended
        yield (
            f"Redis {outage.name}: {len(failed)} failed, the slowest after {slowest:.1f} s, "
            f"the last when it had been back for {last:.1f} s"
        )


def unbounded(load: Load, found: list[Outage]) -> list[Event]:
    """Failures at another time, that took too long, or that say nothing."""

    def is_of(event: Event, outage: Outage) -> bool:
        return event.ended >= outage.began and event.began < outage.ended + RECOVERY

    return [
        event
        for event in load.failures
        if not any(is_of(event, outage) for outage in found)
        or event.seconds > REFUSED
        or _UNCLEAR.search(event.error)
    ]
