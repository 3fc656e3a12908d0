"""What one process tells the others, over a real Redis that is restarted in between."""

import asyncio
import time
from pathlib import Path

import pytest
from channels.layers import get_channel_layer
from django.test import override_settings

from sessionstate import announce
from sessionstate.announce import News
from tests.servers import GRACE, component, free_port, running


def layers(port: int) -> dict[str, object]:
    return {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [f"redis://127.0.0.1:{port}/0"]},
        }
    }


def a_redis() -> tuple[int, list[str]]:
    """Its port, and what starts it."""
    port = free_port()
    options = ["--bind", "127.0.0.1", "--save", "", "--port", str(port)]
    return port, [component("redis-server"), *options]


async def heard(news: list[News], wanted: News, sender: announce._Post) -> None:
    """Tells it until it is heard: what is told while nobody listens is lost, as it may be."""
    end = time.monotonic() + 20
    while wanted not in news:
        assert time.monotonic() < end, "nothing is heard"
        sender.send(get_channel_layer(), wanted)
        await asyncio.sleep(0.1)


async def comes(news: list[News], wanted: News) -> None:
    async with asyncio.timeout(20):
        while wanted not in news:
            await asyncio.sleep(0.05)


async def test_others_hear_it_also_after_redis_was_restarted(tmp_path: Path) -> None:
    news: list[News] = []
    port, command = a_redis()
    stop = announce.listen(news.append)
    another_process = announce._Post()
    try:
        with override_settings(CHANNEL_LAYERS=layers(port)):
            with running(command, port, tmp_path):
                hearing = asyncio.create_task(announce.hear())
                await heard(news, News("session", "a"), another_process)
            announce.tell(News("session", "local"))
            assert news[-1] == News("session", "local"), "at once, whatever Redis does"
            with running(command, port, tmp_path):
                await heard(news, News("user", "7"), another_process)
                hearing.cancel()
                await asyncio.wait({hearing})
    finally:
        stop()


async def test_nothing_is_lost_that_was_told_once(tmp_path: Path) -> None:
    """After an outage one process hears again before the other has noticed that there was one."""
    news: list[News] = []
    port, command = a_redis()
    stop = announce.listen(news.append)
    another_process = announce._Post()
    try:
        with override_settings(CHANNEL_LAYERS=layers(port)):
            with running(command, port, tmp_path):
                hearing = asyncio.create_task(announce.hear())
                # Anything may have been told before.
                await comes(news, News("missed", ""))
                another_process.send(get_channel_layer(), News("session", "first"))
                await comes(news, News("session", "first"))
            news.clear()
            with running(command, port, tmp_path):
                await comes(news, News("missed", ""))
                another_process.send(get_channel_layer(), News("session", "once"))
                await comes(news, News("session", "once"))
            news.clear()
            told = [News("session", str(number)) for number in range(5)]
            for one in told:
                another_process.send(get_channel_layer(), one)
            with running(command, port, tmp_path):
                await comes(news, News("missed", ""))
                # All from some point on: before it, nobody listened.
                await heard(news, News("session", "last"), another_process)
                later = [one for one in news if one in told]
                assert later == told[len(told) - len(later) :], news
                hearing.cancel()
                await asyncio.wait({hearing})
    finally:
        stop()


def test_who_tells_neither_waits_nor_fails_when_redis_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(announce, "_post", announce._Post())
    with override_settings(CHANNEL_LAYERS=layers(free_port())):
        started = time.monotonic()
        for number in range(50):
            announce.tell(News("session", str(number)))
        assert time.monotonic() - started < GRACE


@pytest.mark.parametrize("kind", ["session", "user"])
def test_a_listener_that_fails_keeps_it_from_nobody(kind: str) -> None:
    news: list[News] = []

    def fail(_: News) -> None:
        raise RuntimeError

    stops = [announce.listen(fail), announce.listen(news.append)]
    announce.tell(News(kind, "x"))  # type: ignore[arg-type]
    for stop in stops:
        stop()
    announce.tell(News("session", "later"))
    assert news == [News(kind, "x")]  # type: ignore[arg-type]
