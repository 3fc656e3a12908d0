"""Processes that are killed, or restarted, while people use the site; and which events may fail
then: those that ran there, with a clear message, soon."""

import secrets
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tests.attacks.people import Tab
from tests.cluster.conftest import Processes
from tests.cluster.load import Event, Load

# Seconds within which somebody whose event was lost is told so.
TOLD = 5.0
# Seconds for the end of a process that was asked to stop.
STOP_LIMIT = 40.0
CLEAR = "The server that was working on this has stopped. Please try again."


@dataclass(frozen=True)
class Kill:
    process: str
    # Asked for, and done.
    at: float
    done: float

    def explains(self, event: Event, where: str) -> bool:
        """`where`: the process in which the event was; "" of one that had not begun, because the
        request for it has gone with this process."""
        return event.began <= self.done and self.at <= event.ended and where in ("", self.process)


def kill(site: Processes, load: Load, times: int, pause: float = 1.0) -> list[Kill]:
    """One process after the other, each started again, with the load that is going on."""
    kills = []
    for number in range(times):
        number %= len(site.sites)
        process = _identity(site, load, number)
        load.gone.add(process)
        at = time.monotonic()
        site.kill(number)
        kills.append(Kill(process, at, time.monotonic()))
        time.sleep(pause)
        site.restart(number)
        time.sleep(pause)
    return kills


def restart_all(site: Processes, load: Load) -> None:
    """One after the other, with SIGTERM."""
    for number, server in enumerate(list(site.sites)):
        load.gone.add(_identity(site, load, number))
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"It does not end:\n{server.log[-3000:]}") from error
        site.restart(number)


def wrong(load: Load, kills: list[Kill]) -> list[Event]:
    """Failures of what did not run in a process that was killed, that were told of too late, or
    that say nothing."""
    where = load.where()
    return [event for event in load.failures if not _is_right(event, where, kills)]


def _is_right(event: Event, where: Mapping[str, str], kills: list[Kill]) -> bool:
    return CLEAR in event.error and any(wait < TOLD for wait in _waits([event], where, kills))


def _waits(events: list[Event], where: Mapping[str, str], kills: list[Kill]) -> list[float]:
    """Seconds from a kill until the user knew that it was the end of the event."""
    return [
        event.ended - kill.done
        for event in events
        for kill in kills
        if kill.explains(event, where.get(event.token, ""))
    ]


def summary(load: Load, kills: list[Kill]) -> str:
    waits = _waits(load.failures, load.where(), kills)
    last = max(waits, default=0)
    return f"{len(kills)} kills: {len(waits)} events went with them, told within {last:.1f} s"


def _identity(site: Processes, load: Load, number: int) -> str:
    """The name by which the others know this process."""
    person = load.users[0].person
    return str(Tab(site.at(number, person)).run("tick", secrets.token_hex(8), None))
