"""What can happen to a site that is in use: processes are killed or restarted, Redis goes away."""

import re
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.attacks.people import Tab
from tests.cluster.conftest import Processes
from tests.cluster.load import Event, Load
from tests.servers import GRACE, component, free_port, running

# Seconds within which somebody whose event was lost is told so, and in which an event is refused
# while Redis does not answer.
TOLD, REFUSED = 5.0, 15.0
# After Redis is back: until everything works again.
RECOVERY = 10.0
_UNCLEAR = re.compile(r"500|Internal|Traceback|Redis|ConnectionError")
# Seconds for the end of a process that was asked to stop.
STOP_LIMIT = 40.0


@dataclass
class Redis:
    """One that can be stopped and started. What it has is still there then."""

    directory: Path
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    _running: Any = None
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"

    def start(self) -> None:
        command = [component("redis-server"), "--port", str(self.port), "--appendonly", "yes"]
        command += ["--bind", *{self.host, "127.0.0.1"}, "--protected-mode", "no"]
        command += ["--dir", str(self.directory), "--save", ""]
        self._running = running(command, self.port, self.directory)
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
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def redis(directory: Path, host: str = "127.0.0.1") -> Iterator[Redis]:
    directory.mkdir(parents=True, exist_ok=True)
    server = Redis(directory, host)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def identity(site: Processes, load: Load, number: int) -> str:
    """The name by which the others know this process."""
    person = load.users[0].person
    return str(Tab(site.at(number, person)).run("tick", secrets.token_hex(8), None))


@dataclass
class Kill:
    at: float
    process: str


def kill(site: Processes, load: Load, times: int, pause: float = 2.0) -> list[Kill]:
    """One process after the other, each started again, with the load that is going on."""
    kills = []
    for number in range(times):
        number %= len(site.sites)
        process = identity(site, load, number)
        load.gone.add(process)
        kills.append(Kill(time.monotonic(), process))
        site.kill(number)
        time.sleep(pause / 2)
        site.restart(number)
        time.sleep(pause / 2)
    return kills


def unexplained(load: Load, kills: list[Kill]) -> list[Event]:
    """Failures of what did not run in a process that was killed, or was told of too late."""

    def is_of(event: Event, kill: Kill) -> bool:
        return (
            event.process in ("", kill.process)
            and event.began < kill.at + GRACE
            and kill.at <= event.ended < kill.at + TOLD + GRACE
        )

    return [event for event in load.failures if not any(is_of(event, kill) for kill in kills)]


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


def restart_all(site: Processes, load: Load) -> None:
    """One after the other, with SIGTERM."""
    for number, server in enumerate(list(site.sites)):
        load.gone.add(identity(site, load, number))
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"It does not end:\n{server.log[-3000:]}") from error
        site.restart(number)
