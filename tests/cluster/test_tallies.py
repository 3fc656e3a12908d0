"""What a process notes of its users, and how it ends that."""

import asyncio

from pytest_django import Settings
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from gradio_ui.cluster.presence import Presence
from gradio_ui.cluster.tallies import Tallies

PROCESS = "a" * 12


async def test_it_ends_whatever_it_does_at_the_moment(
    redis_server: str, settings: Settings
) -> None:
    settings.GRADIO_UI_CLUSTER_PREFIX = "tallies"
    goes_on = []
    with Redis.from_url(redis_server) as redis:
        # With a limit redis-py waits for a command in another way.
        asking = AsyncRedis.from_url(redis_server, socket_timeout=2)
        await asking.ping()
        for steps in range(60):
            tallies = Tallies(asking, Presence(redis, PROCESS), PROCESS)
            tallies.counts = lambda: {"events:ada": 1}
            tallies.start()
            tallies.free()
            for _ in range(steps):
                await asyncio.sleep(0)
            stopping = asyncio.ensure_future(tallies.stop())
            if (await asyncio.wait({stopping}, timeout=5))[1]:
                goes_on.append(steps)
                stopping.cancel()
        await asking.aclose()
        redis.delete(*redis.keys("tallies:*"))
    assert not goes_on
