"""`manage.py cluster`: the processes of this site, and what each has to do."""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from redis import Redis
from redis.exceptions import RedisError

from gradio_ui.cluster.claims import Holder
from gradio_ui.cluster.connecting import Connecting
from gradio_ui.cluster.facts import Facts, of_all
from gradio_ui.conf import conf
from sessionstate.management.printing import table

# Exit codes besides Django's 1, Redis cannot be asked: a process does not answer, or there is none.
UNREACHABLE = 2
# Seconds for Redis' answer.
_LIMIT = 5.0

ALONE = (
    "Processes of this site do not know of each other (GRADIO_UI_CLUSTER is off): each keeps its "
    "pages for itself, so there may be only one, or a balancer has to send each visitor to the "
    "same one. Set REDIS_URL for several."
)
NONE = "No process runs, or none has been asked for anything since its start."
ONE = "One process runs, so nothing is handed over."

_COUNTS = ("pages", "waiting", "running", "streams")
_HEADERS = (
    *("process", "host", "pid", "release", "up", "state", *_COUNTS),
    *("kept", "handed over", "failed", "address"),
)
_RIGHT = ("pid", "up", *_COUNTS, "kept", "handed over", "failed")


class Command(BaseCommand):
    help = (
        "Shows the processes of this site, a line each: the pages that it holds, events that wait "
        "and run, open streams, and how many requests it kept, handed over to another process, "
        "and could not."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="One JSON document.")
        parser.add_argument(
            "--check",
            action="store_true",
            help=f"Connect to each from here; exit with {UNREACHABLE} when one does not answer.",
        )
        parser.add_argument(
            "--watch", type=_pause, metavar="SECONDS", help="Again and again, until Ctrl-C."
        )

    def handle(self, *args: Any, watch: float | None, **options: Any) -> None:
        if not conf.cluster:
            self.stdout.write(json.dumps({"processes": []}) if options["json"] else ALONE)
            return
        if watch is None:
            return self._show(**options)
        with suppress(KeyboardInterrupt):
            while True:
                if self.stdout.isatty() and not options["json"]:
                    self.stdout.write("\x1b[H\x1b[2J", ending="")
                try:
                    self._show(**options)
                except CommandError as error:
                    self.stderr.write(str(error))
                time.sleep(watch)

    def _show(self, check: bool, **options: Any) -> None:
        try:
            with Redis.from_url(settings.REDIS_URL, socket_timeout=_LIMIT) as redis:
                found = of_all(redis)
        except RedisError as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        answers = dict(zip(found, asyncio.run(_ask(found)), strict=True)) if check else {}
        if options["json"]:
            processes = [asdict(facts) | _answered(answers, facts) for facts in found]
            self.stdout.write(json.dumps({"processes": processes}))
        else:
            self._print(found, answers)
        silent = [facts.id for facts, problem in answers.items() if problem]
        if silent:
            raise CommandError(f"No answer from {', '.join(silent)}.", returncode=UNREACHABLE)
        if check and not found:
            raise CommandError(NONE, returncode=UNREACHABLE)

    def _print(self, found: list[Facts], answers: dict[Facts, str]) -> None:
        if not found:
            return self.stdout.write(NONE)
        rows = [[*_row(facts), *([answers[facts] or "yes"] if answers else [])] for facts in found]
        if len(found) > 1:
            rows.append([*_total(found), *([""] if answers else [])])
        self.stdout.write(table([*_HEADERS, *(["answers"] if answers else [])], rows, _RIGHT))
        if len(found) == 1:
            self.stdout.write(ONE)


def _row(facts: Facts) -> list[str]:
    return [
        *(facts.id, facts.host, str(facts.pid), facts.release, _up(facts.since), facts.state),
        *_counts([facts]),
        facts.address,
    ]


def _total(found: Sequence[Facts]) -> list[str]:
    return [f"{len(found)} processes", "", "", "", "", "", *_counts(found), ""]


def _counts(found: Sequence[Facts]) -> list[str]:
    def total(name: str) -> int:
        return sum(getattr(facts, name) for facts in found)

    kept, handed_over = total("kept"), total("handed_over")
    share = f" ({handed_over / (kept + handed_over):.0%})" if handed_over else ""
    numbers = [str(total(name)) for name in _COUNTS]
    return [*numbers, str(kept), f"{handed_over}{share}", str(total("failed"))]


def _up(since: float) -> str:
    """Days, hours, minutes and seconds, without what is 0 in front."""
    seconds = max(int(time.time() - since), 0)
    found = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min")]
    words = [f"{count} {unit}" for count, unit in found if count]
    return " ".join(words[:2]) or f"{seconds} s"


def _answered(answers: dict[Facts, str], facts: Facts) -> dict[str, Any]:
    since = datetime.fromtimestamp(facts.since, UTC).isoformat(timespec="seconds")
    answer = {"answers": not answers[facts]} if answers else {}
    return {"since": since} | answer


async def _ask(found: list[Facts]) -> list[str]:
    """What is wrong with each; "" when it answers, and proves that it is the one."""
    connecting = Connecting()

    async def ask(facts: Facts) -> str:
        try:
            channel = await connecting.to(Holder(facts.id, facts.address))
        except OSError as error:
            return str(error) or type(error).__name__
        channel.close()
        return ""

    return await asyncio.gather(*map(ask, found))


def _pause(given: str) -> float:
    seconds = float(given)
    if seconds <= 0:
        raise ValueError
    return seconds
