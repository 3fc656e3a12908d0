"""What a site of several processes asks of its Redis, and keeps there, by Redis' own count."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
from django.conf import settings
from redis import Redis
from websockets.asyncio.client import connect

from benchmarks.event_latency import API, Connection
from tests.cluster.conftest import Processes

ECHO, VISIT = 0, 1
TRIPS, CPU = "round trips", "CPU"
EVENTS, PAGES, SIGN_INS = 300, 20, 20
# Seconds for which nothing happens, or nothing but pages that are open.
IDLE = 15.0


def counted(client: "Redis[bytes]") -> Counter[str]:
    """Until now: packets that came, each of which somebody waits for; microseconds of its core;
    and commands by name, those within scripts too."""
    stats: Any = client.info("commandstats")
    cpu, rest = client.info("cpu"), client.info("stats")
    found = Counter({name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()})
    del found["info"]
    found[CPU] = int((cpu["used_cpu_user"] + cpu["used_cpu_sys"]) * 1e6)
    found[TRIPS] = rest["total_reads_processed"]
    return found


@dataclass
class Report:
    client: "Redis[bytes]"
    # A second, while nothing happens.
    idle: dict[str, float] = field(default_factory=dict)

    async def of(self, what: str, work: Callable[[], Awaitable[object]], times: float) -> None:
        """A line of what each of so many times takes, without what is asked anyway."""
        before, began = counted(self.client), time.monotonic()
        await work()
        found, seconds = counted(self.client), time.monotonic() - began
        found.subtract(before)
        more = {
            name: (number - self.idle.get(name, 0) * seconds) / times
            for name, number in found.items()
        }
        if not self.idle:
            self.idle = {name: number / seconds for name, number in found.items()}
        trips, cpu = more.pop(TRIPS), more.pop(CPU)
        names = sorted(more, key=lambda name: -more[name])
        which = ", ".join(f"{name} {more[name]:.1f}" for name in names if more[name] >= 0.15)
        print(
            f"| {what} | {trips:.1f} | {sum(more.values()):.1f} | {cpu:.0f} | {which} |", flush=True
        )

    def bytes_since(self, before: set[bytes]) -> int:
        new = set(self.client.scan_iter(count=1000)) - before
        return sum(self.client.memory_usage(key) or 0 for key in new)


async def report(site: Processes, redis: str, who: str) -> None:
    client = Redis.from_url(redis)
    found = Report(client)
    page = uuid.uuid4().hex[:11]

    async def events(port: int, function: int, count: int = EVENTS) -> None:
        # A server soon closes a connection on which nothing is asked.
        connection = await Connection.open(port, who)
        connection.session_hash = page
        for _ in range(count):
            await connection.event(function)
        connection.writer.close()

    async def new_pages() -> None:
        connection = await Connection.open(site.sites[1].port, who)
        for _ in range(PAGES):
            connection.session_hash = uuid.uuid4().hex[:11]
            await connection.event(ECHO)
        connection.writer.close()

    for one in site.sites:
        for function in (ECHO, VISIT):
            await events(one.port, function, 20)

    print("| | round trips | commands | Redis CPU in µs | which |\n|---|--:|--:|--:|---|")
    count = len(site.sites)
    await found.of(f"nothing, a second of {count} processes", lambda: asyncio.sleep(IDLE), IDLE)
    for name, function in (("an event", ECHO), ("an event with `Session`", VISIT)):
        for where, one in zip(("kept", "handed over"), site.sites, strict=True):
            await found.of(f"{name}, {where}", partial(events, one.port, function), EVENTS)
    known = set(client.scan_iter(count=1000))
    await found.of("a new page, with its first event", new_pages, PAGES)
    of_pages = found.bytes_since(known) / PAGES
    async with AsyncExitStack() as stack:
        token = who.split(":")[1].strip()
        for number in range(PAGES):
            await stack.enter_async_context(open_page(site.sites[number % count].url, token))
        minutes = PAGES * IDLE / 60
        await found.of("an open page, a minute", lambda: asyncio.sleep(IDLE), minutes)
    known = set(client.scan_iter(count=1000))
    tokens: list[str] = []
    await found.of("a sign-in", lambda: sign_in(site.url, tokens), SIGN_INS)
    of_sessions = found.bytes_since(known) / SIGN_INS
    await found.of("a sign-out", lambda: sign_out(site.url, tokens), SIGN_INS)
    print(f"\n{of_sessions:.0f} bytes a session, {of_pages:.0f} a page")
    (channel,) = client.pubsub_channels("*gradiosession.news")
    print(f"an announcement goes to {dict(client.pubsub_numsub(channel))[channel]} processes\n")
    print("| processes that live | µs of Redis for one to say so |\n|--:|--:|")
    for number, micros in renewals(client):
        print(f"| {number} | {micros:.0f} |", flush=True)


def renewals(client: "Redis[bytes]") -> Iterator[tuple[int, float]]:
    """What each of so many processes asks once a second, to say that it lives."""
    settings.configure(GRADIO_UI_CLUSTER_PREFIX="renewals")
    from gradio_ui.cluster.presence import Presence

    everybody: list[Presence] = []
    for number in (2, 10, 100, 400):
        everybody += [Presence(client, f"{n:012x}") for n in range(len(everybody), number)]
        for one in everybody:
            one.tell()
        asked = everybody[:100]
        before = counted(client)[CPU]
        for one in asked:
            one.tell()
        yield number, (counted(client)[CPU] - before) / len(asked)


@asynccontextmanager
async def open_page(url: str, token: str) -> AsyncIterator[None]:
    """Its heartbeat, and the WebSocket of its session."""
    headers = {"Authorization": token}
    heartbeat = f"{url}{API}/heartbeat/{uuid.uuid4().hex[:11]}"
    socket = f"{url.replace('http', 'ws')}/ws/session/"
    async with (
        httpx.AsyncClient(headers=headers, timeout=None) as client,
        client.stream("GET", heartbeat) as beat,
        connect(socket, additional_headers=headers),
    ):
        assert beat.status_code == 200
        yield


async def sign_in(url: str, tokens: list[str]) -> None:
    who = {"username": "bob", "password": "gradio-demo"}
    async with httpx.AsyncClient(timeout=30) as client:
        for _ in range(SIGN_INS):
            answer = await client.post(f"{url}/api/auth/login", json=who)
            tokens.append(answer.raise_for_status().json()["access"])


async def sign_out(url: str, tokens: list[str]) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        for token in tokens:
            headers = {"Authorization": f"Bearer {token}"}
            (await client.post(f"{url}/api/auth/logout", headers=headers)).raise_for_status()
