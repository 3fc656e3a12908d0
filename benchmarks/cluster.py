"""What it costs when an event is handed over to another process, and what two processes bring.

    python -m benchmarks.cluster [events]

Starts Redis, nginx and the processes. Asks with and without handing over in turn, so that both
meet the same machine.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.attacks.people import Tab
from tests.cluster.conftest import Processes, processes
from tests.servers import SiteFactory, component, free_port, manage, project_env, running

# Rounds of a loop in Python: some 20 ms of a core.
BURN = 300_000
PEOPLE = 8


def handed_over(site: Processes, events: int) -> None:
    ada = site.person()
    own = site.page(0, ada)
    near, far = site.tab_at(0, own), site.tab_at(1, own)
    times: dict[str, list[float]] = {"kept": [], "handed over": []}
    for number in range(events + 20):
        for name, tab in (("kept", near), ("handed over", far)):
            began = time.perf_counter()
            tab.predict("process")
            if number >= 20:
                times[name].append((time.perf_counter() - began) * 1000)
    kept, other = (statistics.median(found) for found in times.values())
    print(f"an event kept {kept:.2f} ms, handed over {other:.2f} ms: {other - kept:+.2f} ms")


def throughput(site: Processes, events: int) -> float:
    people = [site.person() for _ in range(PEOPLE)]
    tabs = [Tab(person) for person in people]
    for tab in tabs:
        tab.predict("process")

    def work(tab: Tab) -> None:
        for _ in range(events // PEOPLE):
            tab.predict("burn", BURN)

    began = time.perf_counter()
    with ThreadPoolExecutor(PEOPLE) as pool:
        list(pool.map(work, tabs))
    return events / (time.perf_counter() - began)


@contextmanager
def started(count: int, directory: Path, redis: str) -> Iterator[Processes]:
    env = project_env(directory)
    for command in (["migrate", "-v", "0"], ["demo_users"]):
        done = manage(*command, env=env)
        assert done.returncode == 0, done.stderr
    factory = SiteFactory(directory, directory / "db.sqlite3")
    prefix = {"GRADIO_UI_CLUSTER_PREFIX": f"bench{count}"}
    try:
        with processes(factory, ("uvicorn",) * count, redis, prefix) as site:
            yield site
    finally:
        factory.close()


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    found: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as name:
        directory, port = Path(name), free_port()
        command = [component("redis-server"), "--port", str(port), "--save", ""]
        with running(command, port, directory):
            for count in (1, 2):
                (place := directory / str(count)).mkdir()
                with started(count, place, f"redis://127.0.0.1:{port}/0") as site:
                    if count > 1:
                        handed_over(site, events)
                    found[count] = throughput(site, events)
                    print(f"{count} processes: {found[count]:.1f} CPU-bound events a second")
    print(f"2 processes do {found[2] / found[1]:.2f} times the work of one")


if __name__ == "__main__":
    main()
