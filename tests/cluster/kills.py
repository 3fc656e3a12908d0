"""Processes that are killed, or restarted, while people use the site; and which events may fail
then: those that ran there, with a clear message, soon."""

import secrets
import signal
import subprocess
import time
from dataclasses import dataclass

from tests.attacks.people import Tab
from tests.cluster.conftest import Processes
from tests.cluster.load import ClientUser, Event, Load

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

    def was_during(self, event: Event) -> bool:
        return event.began <= self.done and self.at <= event.ended


@dataclass(frozen=True)
class Loss:
    """An event that has failed by a kill."""

    event: Event
    # Until its user knew.
    seconds: float
    # Whether it ran in that process. Otherwise what ran elsewhere went through it: the request for
    # it, which nobody may send twice, or the stream of gradio_client, which opens none again.
    was_there: bool

    @property
    def is_told(self) -> bool:
        return CLEAR in self.event.error and self.seconds < TOLD


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


def losses(load: Load, kills: list[Kill]) -> list[Loss]:
    where = load.where()
    found = []
    for event in load.failures:
        for kill in filter(lambda kill: kill.was_during(event), kills):
            was_there = where.get(event.token, kill.process) == kill.process
            if was_there or not event.process or event.user.startswith(ClientUser.__name__):
                found.append(Loss(event, event.ended - kill.done, was_there))
    return found


def wrong(load: Load, kills: list[Kill]) -> list[Event]:
    """Failures that no kill explains, that were told of too late, or that say nothing."""
    told = [loss.event for loss in losses(load, kills) if loss.is_told]
    return [event for event in load.failures if event not in told]


def summary(load: Load, kills: list[Kill]) -> str:
    found = losses(load, kills)
    there = sum(loss.was_there for loss in found)
    last = max((loss.seconds for loss in found), default=0)
    return (
        f"{len(kills)} kills: {there} events ended with their process, {len(found) - there} were "
        f"on their way through it; the last was told after {last:.1f} s"
    )


def _identity(site: Processes, load: Load, number: int) -> str:
    """The name by which the others know this process."""
    person = load.users[0].person
    return str(Tab(site.at(number, person)).run("tick", secrets.token_hex(8), None))
