"""Load a session, change one small key, save: this project's backends, Django's engines,
starsessions, and the bare floor of each storage.

All take turns in one run, so that whatever else the machine does hits all of them, and the median
of each counts. Ratios are what to look at: the times are this machine's. Redis and PostgreSQL are
started for it, and wait for no disk.

    python benchmarks/session_engines.py                 3 minutes
    python benchmarks/session_engines.py --seconds 5     for a quick look
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.sessions import servers, site  # noqa: E402

# Sessions of so many keys of about 100 bytes each.
SIZES = {"1 KB": 10, "100 KB": 1_000, "1 MB": 10_000}
MODES = ("sync", "async")
# Seconds after which it is the next one's turn.
TURN = 0.1
LEAST_ROUNDS = 5

Times = dict[Any, dict[tuple[str, str], float]]  # contestant -> mode and size -> milliseconds


def content(keys: int) -> dict[str, Any]:
    text = "some words of a text"
    return {
        f"item-{i:05}": {"title": f"message {i}", "score": i / 7, "tags": ["a", "b"], "text": text}
        for i in range(keys)
    }


def turn(contestant: Any) -> list[float]:
    times, end = [], perf_counter() + TURN
    while (started := perf_counter()) < end:
        contestant.save(contestant.load())
        times.append(perf_counter() - started)
    return times


async def aturn(contestant: Any) -> list[float]:
    times, end = [], perf_counter() + TURN
    while (started := perf_counter()) < end:
        await contestant.asave(await contestant.aload())
        times.append(perf_counter() - started)
    return times


def race(
    contestants: list[Any], turn: Callable[[Any], list[float]], seconds: float
) -> dict[Any, float]:
    """Median milliseconds of each."""
    times: dict[Any, list[float]] = {contestant: [] for contestant in contestants}
    deadline, rounds = perf_counter() + seconds, 0
    while rounds <= LEAST_ROUNDS or perf_counter() < deadline:
        # Nobody always goes first.
        for contestant in contestants if rounds % 2 else reversed(contestants):
            contestant.prepare()
            found = turn(contestant)
            if rounds:  # the first one opens connections
                times[contestant] += found
        rounds += 1
    return {contestant: median(found) * 1000 for contestant, found in times.items()}


def written(contestant: Any, redis: Any, runner: asyncio.Runner) -> tuple[int, int]:
    """Bytes that a save hands to its store, and of write-ahead log in PostgreSQL."""
    from benchmarks.sessions.written import sent_to_redis, wal_of_postgres, written_by_sql

    def save() -> None:
        if hasattr(contestant, "save"):
            contestant.save(session)
        else:
            runner.run(contestant.asave(session))

    def by_sql() -> None:
        nonlocal sql
        sql = written_by_sql(save)

    contestant.prepare()
    handed, logged = [], []
    for number in range(10):
        session = (
            contestant.load() if hasattr(contestant, "load") else runner.run(contestant.aload())
        )
        sql = 0
        if number % 2:
            handed.append(sent_to_redis(redis, by_sql) + sql)
        else:
            logged.append(wal_of_postgres(save))
    return round(median(handed)), round(median(logged))


def print_table(title: str, head: list[str], rows: list[list[str]]) -> None:
    print(f"\n{title}\n")
    for row in [head, ["---", *["--:"] * (len(head) - 1)], *rows]:
        print("| " + " | ".join(row) + " |")


def report(times: Times, sent: dict[Any, dict[str, tuple[int, int]]]) -> None:
    contestants, sizes = list(times), list(next(iter(sent.values())))
    columns = [(mode, size) for mode in MODES for size in sizes]
    head = ["", *(f"{mode} {size}" for mode, size in columns)]

    def milliseconds(one: Any) -> list[str]:
        found = [times[one].get(column) for column in columns]
        return ["" if time is None else f"{time:.2f}" for time in found]

    def ratios(one: Any, other: Any) -> list[str]:
        pairs = [(times[one].get(column), times[other].get(column)) for column in columns]
        return [f"{a / b:.2f}" if a and b else "" for a, b in pairs]

    def bytes_written(one: Any) -> list[str]:
        logged = [f"{sent[one][size][1]:,}" for size in sizes]
        return [f"{sent[one][size][0]:,}" for size in sizes] + (
            logged if one.storage == "PostgreSQL" else [""] * len(sizes)
        )

    print_table(
        "Milliseconds", head, [[f"{c.storage}: {c.name}", *milliseconds(c)] for c in contestants]
    )
    print_table(
        "Ours as a multiple of the other's time",
        head,
        [
            [f"{a.storage}: {a.name} / {b.name}", *ratios(a, b)]
            for a in contestants
            for b in contestants
            if a.ours and not b.ours and a.storage == b.storage
        ],
    )
    print_table(
        "Bytes written by a save: values and keys; for PostgreSQL also its write-ahead log",
        ["", *sizes, *(f"log, {size}" for size in sizes)],
        [
            [f"{c.storage}: {c.name}", *bytes_written(c)]
            for c in contestants
            if any(handed for handed, _ in sent[c].values())
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=22, help="for each size, sync, and again async"
    )
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=list(SIZES))
    options = parser.parse_args()
    no_waiting = {
        "fsync": "off",
        "synchronous_commit": "off",
        # Without checkpoints the log has no pages but what was written.
        "checkpoint_timeout": "1h",
        "max_wal_size": "4GB",
    }
    with (
        tempfile.TemporaryDirectory() as directory,
        servers.redis() as redis_port,
        servers.postgres(**no_waiting) as postgres_port,
        asyncio.Runner() as runner,
    ):
        site.set_up(directory=Path(directory), redis=redis_port, postgres=postgres_port)
        from redis import Redis
        from redis.utils import HIREDIS_AVAILABLE

        from benchmarks.sessions.contestants import contestants

        print(f"redis-py {'with' if HIREDIS_AVAILABLE else 'without'} hiredis", flush=True)
        everybody = contestants(redis_port)
        times: Times = {contestant: {} for contestant in everybody}
        sent: dict[Any, dict[str, tuple[int, int]]] = {contestant: {} for contestant in everybody}
        for size in options.sizes:
            for contestant in everybody:
                contestant.create(content(SIZES[size]))
            for mode in MODES:
                taking_part = [
                    c for c in everybody if hasattr(c, "load" if mode == "sync" else "aload")
                ]
                take = turn if mode == "sync" else lambda c: runner.run(aturn(c))
                for c, time in race(taking_part, take, options.seconds).items():
                    times[c][mode, size] = time
            with Redis(port=redis_port) as client:
                for contestant in everybody:
                    sent[contestant][size] = written(contestant, client, runner)
        report(times, sent)


if __name__ == "__main__":
    main()
