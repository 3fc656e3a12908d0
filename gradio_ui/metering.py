"""Counting calls against rates: in Redis for all processes, or in this one alone.

A call counts from when it was made until the time of its rate is over, so a rate holds in any
window of that length. What a call counts against is decided at once: one that is refused by one
rate counts against none. The time is that of the Redis server, the same for every process
whatever its own clock says; a test moves it by `sessionstate.clock`, like all that expires.

Without Redis there is nothing that says no, and no limit is better than a wrong one only where
nothing depends on it: a call of a limited function is refused as long as nobody can count.
"""

import threading
from collections import deque
from collections.abc import Collection, Sequence
from functools import cache
from itertools import islice
from typing import Protocol

from django.conf import settings
from django.core.signals import setting_changed
from redis import Redis

from gradio_ui.cluster import keys, reach
from gradio_ui.rates import Exceeded, Limit, Rate
from sessionstate import clock
from sessionstate.threads import in_thread

# Users and limits of which a process keeps calls before it looks for those that are over.
_MANY = 1000

# KEYS: the calls by one user of each limited thing, the newest first.
# ARGV: what a test adds to the time (ms); for each key the number of its rates, and for each of
# these amount and length (ms).
# Returns: how long until one more is allowed (ms), 0 if it is and has been noted; the number of
# the rate that takes longest.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
local wait, slowest, number, at = 0, 0, 0, 2
local most, longest = {}, {}
for k, key in ipairs(KEYS) do
  most[k], longest[k] = 0, 0
  for _ = 1, tonumber(ARGV[at]) do
    local amount, length = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    local first = redis.call('LINDEX', key, amount - 1)
    if first and first + length - now > wait then
      wait, slowest = first + length - now, number
    end
    most[k], longest[k] = math.max(most[k], amount), math.max(longest[k], length)
    number, at = number + 1, at + 2
  end
  at = at + 1
end
if wait == 0 then
  for k, key in ipairs(KEYS) do
    redis.call('LPUSH', key, now)
    redis.call('LTRIM', key, 0, most[k] - 1)
    redis.call('PEXPIRE', key, longest[k])
  end
end
return {wait, slowest}
"""


class Meter(Protocol):
    def take(self, limits: Sequence[Limit], user: str) -> tuple[float, int] | None:
        """Count a call against all rates of these limits; `None` if they allow it. Otherwise for
        how many seconds they do not, and the number of the rate that takes so long.

        Raises `StoreUnavailable`.
        """


class LocalMeter:
    """Of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # The newest first, and when none of them counts any more.
        self._calls: dict[tuple[str, str], tuple[deque[float], float]] = {}
        self._look_at = _MANY

    def take(self, limits: Sequence[Limit], user: str) -> tuple[float, int] | None:
        with self._lock:
            now, waits = clock.timestamp(), []
            for limit in limits:
                calls, _ = self._calls.get((limit.key, user), ((), 0.0))
                for rate in limit.rates:
                    first = next(islice(calls, rate.amount - 1, None), None)
                    waits.append(0.0 if first is None else first + rate.seconds - now)
            if (wait := max(waits)) > 0:
                return wait, waits.index(wait)
            for limit in limits:
                calls, _ = self._calls.get((limit.key, user), (deque(), 0.0))
                calls.appendleft(now)
                if len(calls) > max(rate.amount for rate in limit.rates):
                    calls.pop()
                end = now + max(rate.seconds for rate in limit.rates)
                self._calls[limit.key, user] = calls, end
            if len(self._calls) > self._look_at:
                self._calls = {key: kept for key, kept in self._calls.items() if kept[1] > now}
                self._look_at = max(_MANY, 2 * len(self._calls))
            return None


class RedisMeter:
    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(_TAKE)

    def take(self, limits: Sequence[Limit], user: str) -> tuple[float, int] | None:
        calls = [keys.calls(f"{limit.key}:{user}") for limit in limits]
        args = [int(clock.offset() * 1000)]
        for limit in limits:
            args.append(len(limit.rates))
            for rate in limit.rates:
                args += rate.amount, rate.seconds * 1000
        with reach.answering():
            wait, slowest = self._take(keys=calls, args=args)
        return (wait / 1000, slowest) if wait else None


@cache
def meter() -> Meter:
    if url := getattr(settings, "REDIS_URL", ""):
        return RedisMeter(Redis.from_url(url, retry=None, **settings.REDIS_LIMITS))
    return LocalMeter()


def charge(limits: Collection[Limit], user: str) -> None:
    """Count a call by a user; blocks. Raises `Exceeded`, `StoreUnavailable`."""
    limited = sorted((limit for limit in limits if limit.rates), key=lambda limit: limit.key)
    if limited and (refused := meter().take(limited, user)):
        wait, number = refused
        limit, rate = _rates(limited)[number]
        # A clock that was set back does not make it longer.
        raise Exceeded(limit, min(wait, rate.seconds), rate)


async def acharge(limits: Collection[Limit], user: str) -> None:
    if limits:
        await in_thread(charge, limits, user)


def _rates(limits: Sequence[Limit]) -> list[tuple[Limit, Rate]]:
    return [(limit, rate) for limit in limits for rate in limit.rates]


def _forget(*, setting: str, **_: object) -> None:
    if setting == "REDIS_URL":
        meter.cache_clear()


setting_changed.connect(_forget)
