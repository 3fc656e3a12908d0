"""`@limit` on functions, and counting where there is no cluster or no Redis."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import override_settings
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from accounts.watch import Login
from gradio_ui import limit, limited, with_session
from gradio_ui.cluster.presence import Presence
from gradio_ui.cluster.tallies import Tallies
from gradio_ui.gate import Admission
from gradio_ui.limits import Limits
from gradio_ui.ownership import Owner, TooMany
from gradio_ui.rates import BadLimit, Exceeded, Limit, Rate
from sessionstate import Session
from sessionstate.errors import StoreUnavailable

ADA, BOB = Owner("s1", "1"), Owner("s2", "2")


def plain(word: str) -> str:
    return word


async def coroutine(word: str) -> str:
    return word


def generator(word: str) -> Iterator[str]:
    yield word


async def async_generator(word: str) -> AsyncIterator[str]:
    yield word


class Desk:
    def method(self, word: str) -> str:
        return word

    def __call__(self, word: str) -> str:
        return word


@pytest.mark.parametrize("fn", [plain, coroutine, generator, async_generator])
def test_a_function_stays_what_it_is(fn: Callable[..., Any]) -> None:
    wrapped = limit("1/m")(fn)
    kinds = ("iscoroutinefunction", "isgeneratorfunction", "isasyncgenfunction")
    for kind in kinds:
        assert getattr(inspect, kind)(wrapped) == getattr(inspect, kind)(fn)
    assert inspect.signature(wrapped) == inspect.signature(fn)
    assert wrapped.__name__ == fn.__name__


def test_a_direct_call_is_not_counted() -> None:
    assert [limit("1/h")(plain)("x") for _ in range(3)] == ["x"] * 3
    once = limit("1/h")(coroutine)
    assert [asyncio.run(once("x")) for _ in range(3)] == ["x"] * 3


@pytest.mark.parametrize(
    "fn", [plain, Desk().method, Desk(), partial(plain, "x"), lambda word: word]
)
def test_limits_are_found_on_whatever_can_be_called(fn: Callable[..., Any]) -> None:
    (found,) = limited.of(limit("20/m", concurrent=3)(fn))
    assert found.rates == (Rate(20, 60),) and found.concurrent == 3
    assert found.name.startswith("tests.gradio_ui.test_limited.")
    # The same for whoever makes it again, in another process too.
    assert limited.of(limit("20/m", concurrent=3)(fn)) == {found}


def test_decorators_add_up_in_any_order() -> None:
    def visit(word: str, session: Session) -> str:
        return word

    for fn in (
        limit("20/m")(with_session(limit("200/d")(visit))),
        with_session(limit("20/m, 200/d")(visit)),
    ):
        rates = {rate for found in limited.of(fn) for rate in found.rates}
        assert rates == {Rate(20, 60), Rate(200, 86_400)}


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda: limit(plain), TypeError, "in parentheses"),  # type: ignore[arg-type]
        (lambda: limit(), TypeError, "in parentheses"),
        (lambda: limit("often"), BadLimit, "20/m"),
        (lambda: limit("0/m"), BadLimit, "1 to 10000"),
        (lambda: limit("1/m", concurrent=-1), BadLimit, "no number of calls"),
        (lambda: limit("1/m")(Desk), TypeError, "is for functions"),  # type: ignore[type-var]
    ],
)
def test_a_mistake_is_told_where_it_is_made(
    use: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        use()


def test_superusers_are_exempt_only_where_the_site_says_so() -> None:
    root, ada, nobody = User(pk=1, is_superuser=True), User(pk=2), AnonymousUser()
    people = [Admission(user, Login("s", "", "", "")) for user in (root, ada, nobody)]  # type: ignore[arg-type]
    assert [who.owner.is_exempt for who in people] == [False] * 3
    with override_settings(GRADIO_UI_EXEMPT_SUPERUSERS=True):
        assert [who.owner.is_exempt for who in people] == [True, False, False]


@pytest.fixture
async def cut_off() -> AsyncIterator[Limits]:
    """Those of a process that cannot reach the Redis of its cluster."""
    gone = "redis://127.0.0.1:1"
    redis = AsyncRedis.from_url(gone, retry=None)
    presence = Presence(Redis.from_url(gone, retry=None), "p1")
    with override_settings(GRADIO_UI_MAX_STREAMS=3, GRADIO_UI_MAX_EVENTS=3, REDIS_URL=gone):
        yield Limits(lambda: [], Tallies(redis, presence, "p1"))
    await redis.aclose()


async def test_without_redis_a_process_goes_by_what_it_has_itself(cut_off: Limits) -> None:
    ends = [await cut_off.stream(ADA) for _ in range(3)]
    with pytest.raises(TooMany):
        await cut_off.stream(ADA)
    await cut_off.stream(BOB)
    ends[0]()
    await cut_off.stream(ADA)
    bookings = [await cut_off.book(ADA, frozenset(), makes_event=True) for _ in range(3)]
    with pytest.raises(TooMany):
        await cut_off.book(ADA, frozenset(), makes_event=True)
    cut_off.end(bookings[0])
    assert cut_off.counts() == {"streams:1": 3, "streams:2": 1, "events:1": 2}


async def test_without_redis_nobody_calls_what_is_limited(
    cut_off: Limits, transactional_db: None
) -> None:
    for found in (Limit("often", (Rate(9, 60),)), Limit("at once", concurrent=9)):
        with pytest.raises(StoreUnavailable):
            await cut_off.book(ADA, frozenset({found}), makes_event=True)
    # And nothing is left of who was refused.
    assert cut_off.counts().total() == 0


async def test_calls_at_a_time_in_one_process(transactional_db: None) -> None:
    limits, twice = Limits(lambda: []), frozenset({Limit("twice", concurrent=2)})
    found = await asyncio.gather(
        *(limits.book(ADA, twice, makes_event=False) for _ in range(6)), return_exceptions=True
    )
    assert [isinstance(one, Exceeded) for one in found] == [False] * 2 + [True] * 4
    await limits.book(BOB, twice, makes_event=False)
    # Who waits a moment gets the place that becomes free.
    waiting = asyncio.create_task(limits.book(ADA, twice, makes_event=False))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    limits.end(found[0])  # type: ignore[arg-type]
    await waiting
    assert set(limits.counts().values()) == {1, 2}
