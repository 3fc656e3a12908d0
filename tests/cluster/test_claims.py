"""Which process holds a page, as two of them ask Redis about it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from pytest_django import Settings
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from gradio_ui.cluster import keys
from gradio_ui.cluster.claims import Claims
from gradio_ui.cluster.presence import Presence

PAGE = "page:one"


@dataclass
class Process:
    name: str
    redis: Redis
    asking: AsyncRedis
    # Pages that it holds anew, one after the other.
    taken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.presence = Presence(self.redis, self.name)
        self.presence._address = f"unix:/{self.name}"
        self.claims = Claims(self.asking, self.presence, self.name, self.taken.append)

    def die(self) -> None:
        """To the others; it does not know."""
        self.redis.delete(keys.process(self.name))


@pytest.fixture
async def two(redis_server: str, settings: Settings) -> AsyncIterator[list[Process]]:
    settings.GRADIO_UI_CLUSTER_PREFIX = "claims"
    with Redis.from_url(redis_server) as redis:
        asking = AsyncRedis.from_url(redis_server)
        found = [Process(letter * 12, redis, asking) for letter in "ab"]
        for process in found:
            process.presence.tell()
        # Nobody else is expected to say what they hold.
        redis.delete(keys.settling(), keys.back())
        yield found
        await asking.aclose()
        redis.delete(*redis.keys("claims:*"))


async def test_what_others_have_had_meanwhile_is_taken_anew(two: list[Process]) -> None:
    one, other = two
    assert await one.claims.take(PAGE) and not await other.claims.take(PAGE)
    one.die()
    assert await other.claims.take(PAGE)
    await other.claims.release(PAGE)
    one.presence.tell()
    assert not one.claims.holds(PAGE)
    assert await one.claims.take(PAGE)
    assert one.taken == [PAGE, PAGE] and other.taken == [PAGE]


async def test_what_nobody_else_has_had_meanwhile_is_kept(two: list[Process]) -> None:
    one, other = two
    assert await one.claims.take(PAGE)
    one.die()
    one.presence.tell()
    assert not one.claims.holds(PAGE)
    assert await one.claims.take(PAGE) and not await other.claims.take(PAGE)
    assert one.taken == [PAGE]


@pytest.mark.parametrize("had_it", [False, True])
async def test_who_counts_as_dead_has_nothing_before_it_tells_that_it_lives(
    two: list[Process], had_it: bool
) -> None:
    one, other = two
    if had_it:
        assert await one.claims.take(PAGE)
    one.die()
    # It knows that its key may have expired.
    one.presence._until = 0.0
    taking = asyncio.create_task(one.claims.take(PAGE))
    assert not (await asyncio.wait({taking}, timeout=0.5))[0]
    one.presence.tell()
    assert await taking and not await other.claims.take(PAGE)
    assert one.taken == [PAGE] and other.taken == []
