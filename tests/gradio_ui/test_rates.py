"""The notation of rates, and counting against them: in this process and in Redis."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.utils import translation
from redis import Redis

from gradio_ui.metering import LocalMeter, Meter, RedisMeter
from gradio_ui.rates import BadLimit, Exceeded, Limit, Rate, parse
from sessionstate import clock
from sessionstate.errors import StoreUnavailable

MINUTE, DAY = Rate(3, 60), Rate(5, 86_400)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("20/m", [Rate(20, 60)]),
        (" 20 / M , 200/d", [Rate(20, 60), Rate(200, 86_400)]),
        ("1/s,2/sec,3/seconds", [Rate(1, 1), Rate(2, 1), Rate(3, 1)]),
        ("100/h", [Rate(100, 3600)]),
        ("5/10s", [Rate(5, 10)]),
        ("5/2 minutes", [Rate(5, 120)]),
    ],
)
def test_rates_that_can_be_read(text: str, found: list[Rate]) -> None:
    assert list(parse(text)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20",
        "m",
        "20/",
        "/m",
        "0/m",
        "-1/m",
        "1.5/m",
        "5/0s",
        "20/x",
        "20/m,",
        "20000/d",
        "2/m 3",
    ],
)
def test_what_is_no_rate_is_refused_with_examples(text: str) -> None:
    with pytest.raises(BadLimit, match="20/m|1 to 10000|no time"):
        parse(text)


@pytest.fixture(params=["local", "redis"])
def meter(request: pytest.FixtureRequest) -> Iterator[Meter]:
    if request.param == "local":
        yield LocalMeter()
        return
    with Redis.from_url(request.getfixturevalue("redis_server")) as redis:
        yield RedisMeter(redis)


def limit(*rates: Rate) -> Limit:
    return Limit(uuid4().hex, rates)


def test_a_rate_holds_in_every_window_of_its_length(meter: Meter) -> None:
    of_three = limit(MINUTE)
    for pause in (0, 20, 20):
        clock.shift(pause)
        assert meter.take([of_three], "ada") is None
    refused = meter.take([of_three], "ada")
    assert refused and 15 < refused[0] <= 20
    assert meter.take([of_three], "bob") is None
    # The first call is over, then the second; what was refused has not been counted.
    clock.shift(21)
    assert meter.take([of_three], "ada") is None
    assert meter.take([of_three], "ada") is not None
    clock.shift(20)
    assert meter.take([of_three], "ada") is None


def test_who_is_refused_by_one_rate_is_counted_by_none(meter: Meter) -> None:
    narrow, wide = limit(Rate(1, 60)), limit(Rate(2, 3600), DAY)
    assert meter.take([narrow, wide], "ada") is None
    for _ in range(5):
        refused = meter.take([narrow, wide], "ada")
        assert refused and refused[0] <= 60 and refused[1] == 0
    clock.shift(61)
    assert meter.take([narrow, wide], "ada") is None
    refused = meter.take([wide], "ada")
    assert refused and 3000 < refused[0] <= 3600 - 61 and refused[1] == 0
    clock.shift(3600)
    assert all(meter.take([wide], "ada") is None for _ in range(2))
    clock.shift(3600)
    assert meter.take([wide], "ada") is None
    refused = meter.take([wide], "ada")
    assert refused and refused[1] == 1, "five of a day"


def test_many_at_once_are_counted_one_by_one(meter: Meter) -> None:
    of_many = limit(Rate(50, 3600))
    with ThreadPoolExecutor(16) as pool:
        taken = list(pool.map(lambda _: meter.take([of_many], "ada"), range(200)))
    assert taken.count(None) == 50


def test_what_is_over_is_forgotten() -> None:
    meter = LocalMeter()
    short = limit(Rate(1, 10))
    for round_ in range(5):
        for user in range(1000):
            meter.take([short], f"{round_}:{user}")
        clock.shift(11)
    assert len(meter._calls) <= 2001


def test_redis_keeps_no_more_than_counts(redis_server: str) -> None:
    with Redis.from_url(redis_server) as redis:
        meter, of_three = RedisMeter(redis), limit(MINUTE)
        for _ in range(10):
            meter.take([of_three], "ada")
            clock.shift(30)
        (key,) = redis.keys(f"*{of_three.name}*")
        assert redis.llen(key) == 3
        assert 0 < redis.pttl(key) <= 60_000


def test_without_redis_nobody_can_say_yes() -> None:
    meter = RedisMeter(Redis.from_url("redis://127.0.0.1:1", retry=None))
    with pytest.raises(StoreUnavailable):
        meter.take([limit(MINUTE)], "ada")


@pytest.mark.parametrize(
    ("wait", "language", "sentence"),
    [
        (0.2, "en", "Too many calls. Please try again in 1 second."),
        (11.3, "en", "Too many calls. Please try again in 12 seconds."),
        (12, "de", "Zu viele Aufrufe. Bitte versuchen Sie es in 12 Sekunden erneut."),
        (22, "pl", "Zbyt wiele wywołań. Spróbuj ponownie za 22 sekundy."),
        (150, "en", "Too many calls. Please try again in 3 minutes."),
        (3 * 3600 + 1, "en", "Too many calls. Please try again in 4 hours."),
    ],
)
def test_people_are_told_how_long_to_wait(wait: float, language: str, sentence: str) -> None:
    with translation.override(language):
        assert Exceeded(limit(MINUTE), wait, MINUTE).sentence == sentence


def test_programs_are_told_in_fields() -> None:
    assert Exceeded(limit(MINUTE), 11.3, MINUTE).headers == {
        "Retry-After": "12",
        "RateLimit-Policy": '"3/60s";q=3;w=60',
        "RateLimit": '"3/60s";r=0;t=12',
    }
