"""What several processes cost, and what they bring. Starts Redis, nginx and the processes.

    python -m benchmarks.cluster handover     an event, kept and handed over to another process
    python -m benchmarks.cluster processes    1 to 4 processes behind nginx
    python -m benchmarks.cluster redis        what Redis is asked, and what it keeps

An event is what an open page does for one: POST queue/join, then the queue/data stream to its end.
"""

import argparse
import asyncio
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles

from benchmarks import cluster_redis
from benchmarks.event_latency import USERS, Connection, Target, cpu_seconds, measure
from benchmarks.sessions import servers
from tests.cluster.conftest import Processes, processes
from tests.servers import ServerName, SiteFactory, manage, project_env

ECHO, BURN = 0, 2
# Pages that ask at once.
CLIENTS = 12


@contextmanager
def site(
    count: int, redis: str, server: ServerName = "uvicorn", balance: str = ""
) -> Iterator[Processes]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cluster-")))
        env = project_env(directory)
        for command in (["migrate", "-v", "0"], ["demo_users"]):
            done = manage(*command, env=env)
            assert done.returncode == 0, done.stderr
        factory = SiteFactory(directory, directory / "db.sqlite3")
        more = {
            "EXTRA_APPS": "benchmarks.app",
            "GRADIO_UI_CLUSTER_PREFIX": f"bench{count}",
            # As in production: with DEBUG on Django keeps every query.
            "DJANGO_DEBUG": "0",
            "DJANGO_SECRET_KEY": secrets.token_urlsafe(50),
            "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
            "DJANGO_SSL_REDIRECT": "0",
        }
        all_of_them = processes(factory, (server,) * count, redis, more, balance=balance)
        yield stack.enter_context(all_of_them)


def header(found: Processes, name: str) -> str:
    return "".join(f"{key}: {value}\r\n" for key, value in found.sites[0].sign_in(name).items())


async def handover(found: Processes, rounds: int, events: int) -> None:
    """Without nginx, one event at a time, in turns, so that both meet the same machine."""
    who = header(found, USERS[0])
    pages = [await Connection.open(one.port, who) for one in found.sites]
    pids = [one.process.pid for one in found.sites]
    for page in pages:
        # That of the first process, which is asked first.
        page.session_hash = pages[0].session_hash
        for _ in range(100):
            await page.event(ECHO)
    times: list[list[float]] = [[], []]
    spent = [[0.0, 0.0], [0.0, 0.0]]
    for number in range(rounds):
        for which in (0, 1) if number % 2 else (1, 0):
            before = [cpu_seconds(pid) for pid in pids]
            times[which] += [await pages[which].event(ECHO) for _ in range(events)]
            after = [cpu_seconds(pid) for pid in pids]
            spent[which] = [x + b - a for x, b, a in zip(spent[which], after, before, strict=True)]
    print("| an event | median ms | fastest tenth ms | CPU ms, its process | CPU ms, the other |")
    print("|---|--:|--:|--:|--:|")
    for name, seconds, cpu in zip(("kept", "handed over"), times, spent, strict=True):
        figures = [median(seconds), quantiles(seconds, n=10)[0]]
        figures += [one / len(seconds) for one in cpu]
        print(f"| {name} | {' | '.join(f'{figure * 1000:.2f}' for figure in figures)} |")
    more = median(times[1]) - median(times[0])
    print(f"\nhanded over: {more * 1000:+.2f} ms")


def throughput(found: Processes, function: int, seconds: float) -> tuple[float, float, list[float]]:
    """Events a second, cores that the processes got, and the seconds of each event."""
    port = int(found.url.rpartition(":")[2])
    target = Target("nginx", port, 0, [header(found, name) for name in USERS])

    async def until(events: int) -> list[float]:
        return await measure(target, function, CLIENTS, events)

    asyncio.run(until(2 * CLIENTS))
    took: list[float] = []
    spent, began = used(found), time.perf_counter()
    while time.perf_counter() - began < seconds:
        took += asyncio.run(until(4 * CLIENTS))
    lasted = time.perf_counter() - began
    return len(took) / lasted, (used(found) - spent) / lasted, took


def used(found: Processes) -> float:
    return sum(cpu_seconds(one.process.pid) for one in found.sites)


def alone(count: int, seconds: float = 2.0) -> float:
    """Events a second that so many processes of Python would do that do nothing else."""
    code = (
        "import sys, time\nfrom benchmarks.app.blocks import burn\n"
        "end, done = time.monotonic() + float(sys.argv[1]), 0\n"
        "while time.monotonic() < end: burn(''); done += 1\nprint(done)"
    )
    command = [sys.executable, "-c", code, str(seconds)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(count)]
    return sum(int(one.communicate()[0]) for one in started) / seconds


def memory(found: Processes) -> float:
    """MB of a process, with its part of what it shares."""
    sizes = [
        int(re.findall(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[0])
        for pid in (one.process.pid for one in found.sites)
    ]
    return sum(sizes) / len(sizes) / 1024


def compared(redis: str, server: ServerName, balance: str, most: int, seconds: float) -> None:
    print("| processes | events/s, CPU-bound | to one | Python alone | cores |", end="")
    print(" p50 ms | p95 ms |", end="")
    print(" events/s, empty | p50 ms | p95 ms | MB a process |")
    print("|--:" * 11 + "|")
    first = bare = 0.0
    for count in range(1, most + 1):
        python = alone(count)
        bare = bare or python
        with site(count, redis, server, balance) as found:
            work, empty = (throughput(found, function, seconds) for function in (BURN, ECHO))
            first = first or work[0]
            cells = [str(count), f"{work[0]:.1f}", f"{work[0] / first:.2f}"]
            cells += [f"{python / bare:.2f}", f"{work[1]:.2f}", *percentiles(work[2])]
            cells += [f"{empty[0]:.0f}", *percentiles(empty[2]), f"{memory(found):.0f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


def percentiles(seconds: list[float]) -> list[str]:
    cut = quantiles(seconds, n=20)
    return [f"{cut[9] * 1000:.0f}", f"{cut[18] * 1000:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("handover", "processes", "redis"))
    parser.add_argument("--rounds", type=int, default=40, help="of 25 events (handover)")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each load (processes)")
    parser.add_argument("--server", choices=("uvicorn", "daphne"), default="uvicorn")
    parser.add_argument("--most", type=int, default=4, help="processes (processes)")
    parser.add_argument("--sticky", action="store_true", help="each page at one (processes)")
    given = parser.parse_args()
    with servers.redis() as port:
        redis = f"redis://127.0.0.1:{port}/0"
        if given.what == "processes":
            # The load has a connection for each page.
            balance = "hash $remote_port consistent;" if given.sticky else ""
            return compared(redis, given.server, balance, given.most, given.seconds)
        with site(2, redis, given.server) as found:
            if given.what == "handover":
                asyncio.run(handover(found, given.rounds, 25))
            else:
                asyncio.run(cluster_redis.report(found, redis, header(found, USERS[0])))


if __name__ == "__main__":
    main()
