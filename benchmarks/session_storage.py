"""What idle sessions take in Redis and PostgreSQL, and what a purge of a million rows does.

Redis and PostgreSQL are started for it, PostgreSQL as it comes, so it waits for the disk.

    python benchmarks/session_storage.py                  a minute
    python benchmarks/session_storage.py --sessions 20000 for a quick look at the purge
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.sessions import servers, site  # noqa: E402

SAMPLE = 20_000
MILLION = 1_000_000
# One row for the session itself.
ROWS_PER_SESSION = 1 + 4
SIGNED_IN = {
    "_auth_user_id": "1234",
    "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
    "_auth_user_hash": "0123456789abcdef" * 4,
}
# About 1 KB.
WORKED = SIGNED_IN | {
    f"item-{i}": {"title": f"message {i}", "score": i / 7, "tags": ["a", "b"], "text": "x" * 20}
    for i in range(8)
}
CONTENTS = {"just signed in": SIGNED_IN, "1 KB of values": WORKED}


def created(module: str, content: dict[str, Any], count: int) -> None:
    """So many sessions of as many users."""
    from importlib import import_module

    store = import_module(module).SessionStore
    for number in range(count):
        session = store()
        session.update(content | {"_auth_user_id": str(number)})
        session.save()


def memory_in_redis(port: int) -> Iterator[tuple[str, str, float]]:
    """(content, engine, bytes per session)"""
    from redis import Redis

    from benchmarks.sessions.contestants import DJANGO, OURS

    with Redis(port=port) as client:
        for name, content in CONTENTS.items():
            for engine, module in (("redis", OURS), ("Django cache", f"{DJANGO}.cache")):
                client.flushall()
                before = client.info("memory")["used_memory"]
                created(module, content, SAMPLE)
                yield name, engine, (client.info("memory")["used_memory"] - before) / SAMPLE


def disk_in_postgres() -> Iterator[tuple[str, str, float]]:
    """(content, engine, bytes per session), tables and indexes together."""
    from django.db import connections

    from benchmarks.sessions.contestants import DJANGO, OURS

    tables = {
        "db": ["sessionstate_staterecord", "sessionstate_statevalue"],
        "Django db": ["django_session"],
    }
    with connections["postgres"].cursor() as cursor:
        for name, content in CONTENTS.items():
            for engine, module in (("db", OURS), ("Django db", f"{DJANGO}.db")):
                cursor.execute(f"TRUNCATE {', '.join(tables[engine])}")
                created(module, content, 1)
                multiply(cursor, engine, SAMPLE - 1)
                size = 0
                for table in tables[engine]:
                    cursor.execute("SELECT pg_total_relation_size(%s)", [table])
                    size += cursor.fetchone()[0]
                yield name, engine, size / SAMPLE
        cursor.execute(f"TRUNCATE {', '.join(tables['db'])}")


def multiply(cursor: Any, engine: str, times: int) -> None:
    """Copies of the one session that there is, with ids and users of their own."""
    if engine == "Django db":
        cursor.execute(
            "INSERT INTO django_session SELECT md5(n::text), session_data, expire_date"
            " FROM django_session, generate_series(1, %s) AS n",
            [times],
        )
        return
    cursor.execute(
        "INSERT INTO sessionstate_staterecord"
        " (kind, ident, owner, created, used, expires, ip, user_agent, version, size)"
        " SELECT kind, md5(n::text), n::text, created, used, expires, ip, user_agent, version, size"
        " FROM sessionstate_staterecord, generate_series(1, %s) AS n",
        [times],
    )
    cursor.execute(
        "INSERT INTO sessionstate_statevalue (record_id, name, data, size, grown)"
        " SELECT r.id, v.name, v.data, v.size, v.grown"
        " FROM sessionstate_staterecord r, sessionstate_statevalue v WHERE r.id != v.record_id"
    )


def read(port: int, key: str, purging: Event, ended: Event, result: Any) -> None:
    """A process that loads one session again and again, before and during the purge."""
    with tempfile.TemporaryDirectory() as directory:
        site.set_up(directory=Path(directory), postgres=port)
        site.Router.alias = "postgres"
        from sessionstate import Session

        before, during = [], []
        while not ended.is_set():
            times = during if purging.is_set() else before
            started = time.perf_counter()
            Session(key).load()
            times.append(time.perf_counter() - started)
            time.sleep(0.001)
        result.put((before, during))


def purge(port: int, sessions: int) -> None:
    from django.db import connections

    from benchmarks.sessions.contestants import OURS
    from sessionstate.backends import get_backend
    from sessionstate.engine import SessionStore

    with connections["postgres"].cursor() as cursor:
        content = {f"item-{i}": "some words of a text" for i in range(ROWS_PER_SESSION - 1)}
        created(OURS, content, 1)
        cursor.execute("DELETE FROM sessionstate_statevalue WHERE name LIKE %s", ["\\_auth%"])
        multiply(cursor, "db", sessions - 1)
        cursor.execute("UPDATE sessionstate_staterecord SET expires = 1")
        cursor.execute("VACUUM ANALYZE sessionstate_staterecord, sessionstate_statevalue")
    live = SessionStore()
    live.update(WORKED)
    live.save()

    context = multiprocessing.get_context("spawn")
    purging, ended, result = context.Event(), context.Event(), context.Queue()
    reader = context.Process(target=read, args=(port, live.session_key, purging, ended, result))
    reader.start()
    time.sleep(5)  # it starts, and reads alone for some seconds
    purging.set()
    started = time.perf_counter()
    purged = get_backend().purge()
    seconds = time.perf_counter() - started
    ended.set()
    before, during = result.get()
    reader.join()

    rows = sessions * ROWS_PER_SESSION
    print(f"\nPurge of {purged:,} expired sessions, {rows:,} rows, on PostgreSQL")
    print(f"{seconds:.1f} s, {rows / seconds:,.0f} rows/s, {purged / seconds:,.0f} sessions/s\n")
    print("| a reader, ms per load | median | 99 % | longest |\n| --- | --: | --: | --: |")
    for name, times in (("alone", before), ("during the purge", during)):
        shown = median(times), quantiles(times, n=100)[98], max(times)
        print(f"| {name} | " + " | ".join(f"{value * 1000:.2f}" for value in shown) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument(
        "--sessions", type=int, default=MILLION // ROWS_PER_SESSION, help="expired, to purge"
    )
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        servers.redis() as redis_port,
        servers.postgres() as postgres_port,
    ):
        site.set_up(directory=Path(directory), redis=redis_port, postgres=postgres_port)
        from django.conf import settings

        from sessionstate.conf import conf

        print(f"Bytes per idle session, from {SAMPLE:,} sessions; a million by multiplication\n")
        print("| | | bytes | a million, GB |\n| --- | --- | --: | --: |")
        settings.SESSIONSTATE_BACKEND = "redis"
        for content, engine, size in memory_in_redis(redis_port):
            print(f"| Redis: {engine} | {content} | {size:,.0f} | {size / 1000:.2f} |", flush=True)
        settings.SESSIONSTATE_BACKEND = "db"
        conf.forget(setting="BACKEND")
        site.Router.alias = "postgres"
        for content, engine, size in disk_in_postgres():
            print(f"| PostgreSQL: {engine} | {content} | {size:,.0f} | {size / 1000:.2f} |")
        purge(postgres_port, options.sessions)


if __name__ == "__main__":
    main()
