"""How often, and how many at a time: what `@limit` and `register(limit=...)` say.

"20/m": twenty calls in any minute. "20/m, 200/d": both. "5/10s": five in any ten seconds.
"""

import math
import re
from dataclasses import dataclass

from django.utils.translation import ngettext

_RATE = re.compile(r"(\d+)\s*/\s*(\d*)\s*([a-z]+)")
_UNITS = {
    unit: seconds
    for units, seconds in (
        ("s sec second seconds", 1),
        ("m min minute minutes", 60),
        ("h hour hours", 60 * 60),
        ("d day days", 24 * 60 * 60),
    )
    for unit in units.split()
}
# Of a rate: each call is kept for as long as it counts.
MOST = 10_000


class BadLimit(ValueError):
    """What was said of a limit is none; says what one looks like."""


@dataclass(frozen=True, slots=True)
class Rate:
    amount: int
    seconds: int

    def __str__(self) -> str:
        return f"{self.amount}/{self.seconds}s"


@dataclass(frozen=True, slots=True)
class Limit:
    """Of each user. `name`: of what, the same in all processes. `concurrent`: 0 for any number."""

    name: str
    rates: tuple[Rate, ...] = ()
    concurrent: int = 0

    @property
    def key(self) -> str:
        """What is counted under; another one begins when the limit is changed."""
        return f"{self.name}:{','.join(map(str, self.rates))}"


NONE: frozenset[Limit] = frozenset()


class Exceeded(Exception):
    """One more call would be over a limit. `wait`: seconds until it would not."""

    def __init__(self, limit: Limit, wait: float, rate: Rate | None = None) -> None:
        """`rate` None: too many at a time."""
        super().__init__(limit, rate, wait)
        self.limit = limit
        self.wait = max(1, math.ceil(wait))
        self.rate = rate

    @property
    def sentence(self) -> str:
        """For the person, in the language that is active."""
        if self.rate is None:
            number = self.limit.concurrent
            return ngettext(
                "You have %(number)d of these running already. Please wait until it has finished.",
                "You have %(number)d of these running already. Please wait until one has finished.",
                number,
            ) % {"number": number}
        if self.wait < 2 * 60:
            number = self.wait
            text = ngettext(
                "Too many calls. Please try again in %(number)d second.",
                "Too many calls. Please try again in %(number)d seconds.",
                number,
            )
        elif self.wait < 2 * 60 * 60:
            number = math.ceil(self.wait / 60)
            text = ngettext(
                "Too many calls. Please try again in %(number)d minute.",
                "Too many calls. Please try again in %(number)d minutes.",
                number,
            )
        else:
            number = math.ceil(self.wait / (60 * 60))
            text = ngettext(
                "Too many calls. Please try again in %(number)d hour.",
                "Too many calls. Please try again in %(number)d hours.",
                number,
            )
        return text % {"number": number}

    @property
    def headers(self) -> dict[str, str]:
        """Retry-After, and the fields of draft-ietf-httpapi-ratelimit-headers."""
        headers = {"Retry-After": str(self.wait)}
        if self.rate:
            name = f'"{self.rate}"'
            headers["RateLimit-Policy"] = f"{name};q={self.rate.amount};w={self.rate.seconds}"
            headers["RateLimit"] = f"{name};r=0;t={self.wait}"
        return headers


def parse(text: str) -> tuple[Rate, ...]:
    """Raises `BadLimit`."""
    return tuple(_parse_one(part.strip()) for part in text.lower().split(","))


def _parse_one(text: str) -> Rate:
    match = _RATE.fullmatch(text)
    if match is None or match[3] not in _UNITS:
        raise BadLimit(f'{text!r} is no rate: "20/m", "5/10s", "20/m, 200/d" are.')
    amount, seconds = int(match[1]), int(match[2] or 1) * _UNITS[match[3]]
    if not 0 < amount <= MOST:
        raise BadLimit(f"{text!r} must allow 1 to {MOST} calls.")
    if seconds == 0:
        raise BadLimit(f"{text!r} is a rate in no time.")
    return Rate(amount, seconds)
