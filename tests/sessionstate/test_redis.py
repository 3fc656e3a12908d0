"""What the redis backend does beyond the contract: its cost, its keys, its limits."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from sessionstate import Session
from sessionstate.backends import get_backend
from sessionstate.backends.base import NEVER, Address, Backend, Kind, Stamp
from sessionstate.backends.redis import Backend as RedisBackend
from sessionstate.clock import timestamp
from sessionstate.engine import SessionStore
from sessionstate.errors import SessionGone, StateTooLarge, StoreFull, StoreUnavailable
from tests.servers import wait_for
from tests.sessionstate.redis_process import RedisProcess

A = Address(Kind.SESSION, "a" * 32)
LIMIT = 10_000_000


@pytest.fixture
def backend(redis_store: redis.Redis, transactional_db: None) -> Iterator[Backend]:
    with override_settings(SESSIONSTATE_BACKEND="redis"):
        yield get_backend()


def stamp(age: float = 60, owner: str | None = "7") -> Stamp:
    return Stamp(used=timestamp(), expires=timestamp() + age, owner=owner)


def commands(client: redis.Redis, work: Callable[[], object]) -> list[str]:
    """What clients send while `work` runs; what scripts do inside the server is left out."""
    with client.monitor() as monitor:
        client.echo("begin")  # connects first
        work()
        client.echo("end")
        while monitor.next_command()["command"] != "ECHO begin":
            pass
        sent = []
        while (command := monitor.next_command())["command"] != "ECHO end":
            if command["client_type"] != "lua":
                sent.append(command["command"].split()[0])
        return sent


def test_a_load_is_one_round_trip_and_a_save_is_one(
    backend: Backend, redis_store: redis.Redis
) -> None:
    backend.create(A, {f"k{n}": b"v" for n in range(50)}, stamp(), limit=LIMIT)
    backend.save(A, {"k1": b"w"}, stamp(), limit=LIMIT)
    changes = {"k1": b"x", "k2": None, "new": b"y"}
    assert commands(redis_store, lambda: backend.load(A)) == ["HGETALL"]
    assert commands(redis_store, lambda: backend.save(A, changes, stamp(), limit=LIMIT)) == [
        "EVALSHA"
    ]


def test_the_same_for_the_async_twins(backend: Backend, redis_store: redis.Redis) -> None:
    backend.create(A, {"a": b"1"}, stamp(), limit=LIMIT)
    backend.save(A, {"a": b"2"}, stamp(), limit=LIMIT)

    def sent(twin: Callable[[], Awaitable[object]]) -> list[str]:
        async def main() -> None:
            await backend.aping()  # connects first
            await twin()

        connecting = ["SELECT", "PING"]
        sent = commands(redis_store, lambda: asyncio.run(main()))
        assert sent[:2] == connecting
        return sent[2:]

    assert sent(lambda: backend.aload(A)) == ["HGETALL"]
    save = sent(lambda: backend.asave(A, {"a": b"3"}, stamp(), limit=LIMIT))
    assert save == ["EVALSHA"]


def test_a_script_that_the_server_lost_is_sent_again(
    backend: Backend, redis_store: redis.Redis
) -> None:
    backend.create(A, {"a": b"1"}, stamp(), limit=LIMIT)
    backend.save(A, {"a": b"2"}, stamp(), limit=LIMIT)
    redis_store.script_flush()
    again = lambda: backend.save(A, {"a": b"3"}, stamp(), limit=LIMIT)  # noqa: E731
    assert commands(redis_store, again) == ["EVALSHA", "EVAL"]
    assert commands(redis_store, again) == ["EVALSHA"]


async def test_a_script_that_the_server_lost_is_sent_again_by_async_code(
    backend: Backend, redis_store: redis.Redis
) -> None:
    redis_store.script_flush()
    assert (await backend.acreate(A, {"a": b"1"}, stamp(), limit=LIMIT)).version == 1


def test_changing_one_small_key_of_a_large_session_sends_little(
    backend: Backend, redis_store: redis.Redis
) -> None:
    backend.create(A, {f"k{n}": b"v" * 1000 for n in range(1000)}, stamp(), limit=LIMIT)
    backend.save(A, {"k1": b"w"}, stamp(), limit=LIMIT)
    before = redis_store.info("stats")["total_net_input_bytes"]
    backend.save(A, {"k1": b"x"}, stamp(), limit=LIMIT)
    assert redis_store.info("stats")["total_net_input_bytes"] - before < 1000


def record_key(redis_store: redis.Redis) -> bytes:
    (key,) = redis_store.keys("sessionstate:1:session:*")
    return bytes(key)


def test_redis_drops_a_record_when_it_ends(backend: Backend, redis_store: redis.Redis) -> None:
    backend.create(A, {"a": b"1"}, stamp(60), limit=LIMIT)
    assert 59 < redis_store.pttl(record_key(redis_store)) / 1000 <= 60.001
    backend.save(A, {"a": b"2"}, stamp(600), limit=LIMIT)
    assert 599 < redis_store.pttl(record_key(redis_store)) / 1000 <= 600.001
    backend.touch(A, stamp(30))
    assert 29 < redis_store.pttl(record_key(redis_store)) / 1000 <= 30.001
    backend.touch(A, replace(stamp(), expires=NEVER))
    assert redis_store.pttl(record_key(redis_store)) == -1


def test_a_lock_that_is_never_released_goes_by_itself(
    backend: Backend, redis_store: redis.Redis
) -> None:
    backend.lock(A, "token", 10)
    (key,) = redis_store.keys("sessionstate:1:lock:*")
    assert 9 < redis_store.pttl(key) / 1000 <= 10


def indexed(redis_store: redis.Redis) -> list[bytes]:
    keys = redis_store.keys("sessionstate:1:all:*") + redis_store.keys("sessionstate:1:of:*")
    return [member for key in keys for member in redis_store.zrange(key, 0, -1)]


@pytest.mark.parametrize("owner", [None, "7"])
def test_listing_cleans_up_after_records_that_redis_dropped(
    backend: Backend, redis_store: redis.Redis, owner: str | None
) -> None:
    backend.create(A, {}, stamp(0.05), limit=LIMIT)
    assert len(indexed(redis_store)) == 2
    wait_for(lambda: not redis_store.keys("sessionstate:1:session:*"))
    assert backend.infos(Kind.SESSION, owner=owner) == []
    assert indexed(redis_store) == []


def test_purging_cleans_up_after_records_that_redis_dropped(
    backend: Backend, redis_store: redis.Redis
) -> None:
    for number in range(25):
        address = Address(Kind.TAB, f"{number:032}")
        backend.create(address, {}, stamp(0.05, owner=f"{number}"), limit=LIMIT)
    backend.create(A, {}, stamp(), limit=LIMIT)
    wait_for(lambda: not redis_store.keys("sessionstate:1:tab:*"))
    assert backend.purge(batch=10) == 25
    assert len(indexed(redis_store)) == 2
    assert backend.purge() == 0


def test_nothing_is_left_of_a_deleted_record(backend: Backend, redis_store: redis.Redis) -> None:
    backend.create(A, {"a": b"1"}, stamp(), limit=LIMIT)
    backend.delete(A)
    assert redis_store.keys("*") == []


def test_listing_goes_on_over_many_pages(backend: Backend) -> None:
    ids = [f"{number:032}" for number in range(1203)]
    for number, ident in enumerate(ids):
        owner = "odd" if number % 2 else ""
        backend.create(Address(Kind.SESSION, ident), {}, stamp(owner=owner), limit=LIMIT)
    assert [info.id for info in backend.infos(Kind.SESSION, limit=5000)] == ids
    assert [info.id for info in backend.infos(Kind.SESSION, limit=1100)] == ids[:1100]
    odd = [info.id for info in backend.infos(Kind.SESSION, owner="odd", limit=5000)]
    assert odd == ids[1::2]
    rest = backend.infos(Kind.SESSION, owner="", after=ids[500], limit=3)
    assert [info.id for info in rest] == [ids[502], ids[504], ids[506]]


@pytest.mark.parametrize("key", ["m", "", "=", "ключ", "\udc80", "a\0b", "k" * 10_000])
def test_any_key_is_a_key_of_the_data(backend: Backend, key: str) -> None:
    backend.create(A, {key: b"1", "other": b""}, stamp(), limit=LIMIT)
    info = backend.save(A, {key: b"12"}, stamp(), limit=LIMIT)
    snapshot = backend.load(A)
    assert snapshot is not None
    assert dict(snapshot.values) == {key: b"12", "other": b""}
    assert info.size == len(key.encode("utf-8", "surrogatepass")) + 2 + len("other")


def test_a_hundred_thousand_keys_are_one_session(backend: Backend) -> None:
    values = {f"{number:x}": b"value" for number in range(100_000)}
    info = backend.create(A, values, stamp(), limit=LIMIT)
    snapshot = backend.load(A)
    assert snapshot is not None
    assert snapshot.values == values
    changed = dict.fromkeys(values, b"v") | {"0": None}
    saved = backend.save(A, changed, stamp(), limit=LIMIT)
    assert saved.size == info.size - 4 * 100_000 - len("0") - len("v")
    assert backend.save(A, dict.fromkeys(values), stamp(), limit=LIMIT).size == 0


def test_a_value_of_ten_megabytes_comes_back(backend: Backend) -> None:
    data = bytes(range(256)) * 40_000
    backend.create(A, {"large": data}, stamp(), limit=20_000_000)
    snapshot = backend.load(A)
    assert snapshot is not None
    assert snapshot.values["large"] == data
    with pytest.raises(StateTooLarge):
        backend.save(A, {"more": data}, stamp(), limit=20_000_000)


@override_settings(SESSIONSTATE_STORE_TIMEOUT=20.0)  # 300 at once, on whatever machine
def test_more_tasks_than_connections_wait_for_their_turn(
    backend: Backend, redis_store: redis.Redis
) -> None:
    patient = RedisBackend()  # reads the timeout that this test is given
    patient.create(A, {"a": b"1"}, stamp(), limit=LIMIT)
    before = len(redis_store.client_list())

    async def main() -> int:
        loads = await asyncio.gather(*[patient.aload(A) for _ in range(300)])
        assert all(snapshot is not None for snapshot in loads)
        return len(redis_store.client_list())

    assert asyncio.run(main()) - before < 100


def test_an_event_loop_closes_its_connections_when_it_ends(
    backend: Backend, redis_store: redis.Redis
) -> None:
    async def main() -> None:
        await asyncio.gather(*[backend.aping() for _ in range(5)])

    backend.ping()
    gc.collect()
    before = len(redis_store.client_list())
    for _ in range(3):
        asyncio.run(main())
    gc.collect()  # an unclosed connection warns, and a warning is an error here
    wait_for(lambda: len(redis_store.client_list()) == before)


def test_a_cancelled_call_leaves_no_answer_for_the_next(backend: Backend) -> None:
    b = Address(Kind.SESSION, "b" * 32)
    backend.create(A, {"a": b"1" * 1_000_000}, stamp(), limit=LIMIT)
    backend.create(b, {"b": b"2"}, stamp(), limit=LIMIT)

    async def main() -> None:
        for steps in range(30):
            task = asyncio.create_task(backend.aload(A))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            snapshot = await backend.aload(b)
            assert snapshot is not None
            assert dict(snapshot.values) == {"b": b"2"}

    asyncio.run(main())


async def test_an_event_loop_that_was_busy_itself_does_not_blame_redis(backend: Backend) -> None:
    await backend.acreate(A, {"large": bytes(10_000_000)}, stamp(), limit=LIMIT * 2)
    load = asyncio.create_task(backend.aload(A))
    for _ in range(3):  # busy while it connects, asks, or reads
        await asyncio.sleep(0.01)
        time.sleep(1.6)
    assert await load is not None


def test_the_prefix_begins_every_key(redis_store: redis.Redis, transactional_db: None) -> None:
    with override_settings(SESSIONSTATE_BACKEND="redis", SESSIONSTATE_REDIS_PREFIX="site:"):
        backend = get_backend()
        backend.create(A, {}, stamp(), limit=LIMIT)
        backend.lock(A, "token", 10)
        backend.save(A, {"a": b"1"}, stamp(owner="8"), limit=LIMIT, token="token")
        keys = redis_store.keys("*")
        assert len(keys) == 4
        assert all(key.startswith(b"site:1:") for key in keys)


@pytest.mark.parametrize(
    "alias",
    [
        {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://x"},
    ],
)
def test_an_alias_that_is_not_of_django_redis_is_refused(alias: dict[str, str]) -> None:
    with override_settings(CACHES={"default": alias}), pytest.raises(ImproperlyConfigured):
        RedisBackend()


def test_what_an_alias_says_of_timeouts_and_protocols_does_not_count(
    redis_store: redis.Redis, redis_server: str, transactional_db: None
) -> None:
    options = {
        "SOCKET_TIMEOUT": 60,
        "SOCKET_CONNECT_TIMEOUT": 60,
        "CONNECTION_POOL_CLASS": "redis.BlockingConnectionPool",
        "CONNECTION_POOL_KWARGS": {"timeout": 60, "retry_on_timeout": True, "protocol": 3},
    }
    alias = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": f"{redis_server}?decode_responses=True",
        "OPTIONS": options,
    }
    with override_settings(CACHES={"default": alias}, SESSIONSTATE_REDIS_ALIAS="default"):
        backend = RedisBackend()
        backend.create(A, {"a": b"\xff"}, stamp(), limit=LIMIT)
        snapshot = asyncio.run(backend.aload(A))
        assert snapshot == backend.load(A)
        assert backend.delete(A) is not None
        with redis_store.client() as other:
            other.client_pause(2500)
            with pytest.raises(StoreUnavailable):  # with their timeouts it would answer at last
                backend.load(A)


def test_a_cluster_takes_a_prefix_with_a_hash_tag(tmp_path: Path, transactional_db: None) -> None:
    with RedisProcess(tmp_path, cluster_enabled="yes") as server, server.client() as client:
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        wait_for(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        with override_settings(**server.settings, SESSIONSTATE_REDIS_PREFIX="{sessionstate}:"):
            backend = get_backend()
            backend.create(A, {"a": b"1"}, stamp(), limit=LIMIT)
            assert backend.lock(A, "token", 10)
            backend.save(A, {"a": b"2"}, stamp(owner="8"), limit=LIMIT, token="token")
            assert [info.id for info in backend.infos(Kind.SESSION, owner="8")] == [A.id]
            assert backend.delete(A) is not None


# Full


@pytest.fixture
def full_server(tmp_path: Path, transactional_db: None) -> Iterator[RedisProcess]:
    """It has room for a session, and none for more once `fill` was called."""
    with (
        RedisProcess(tmp_path, appendonly="no", maxmemory_policy="noeviction") as server,
        override_settings(**server.settings),
    ):
        yield server


def fill(server: RedisProcess) -> None:
    with server.client() as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"] - 100_000)


def test_a_full_redis_refuses_a_save_and_keeps_the_session(full_server: RedisProcess) -> None:
    backend = get_backend()
    backend.create(A, {"a": b"1", "b": b"2"}, stamp(), limit=LIMIT)
    before = backend.load(A)
    fill(full_server)
    with pytest.raises(StoreFull):
        backend.save(A, {"a": b"x" * 1000, "c": b"3"}, stamp(), limit=LIMIT)
    with pytest.raises(StoreFull):
        backend.create(Address(Kind.SESSION, "b" * 32), {"a": b"1"}, stamp(), limit=LIMIT)
    assert backend.load(A) == before
    assert [info.id for info in backend.infos(Kind.SESSION)] == [A.id]


def test_a_full_redis_still_notes_a_use_and_ends_a_session(full_server: RedisProcess) -> None:
    backend = get_backend()
    backend.create(A, {"a": b"1"}, stamp(60), limit=LIMIT)
    fill(full_server)
    assert backend.touch(A, stamp(600))
    snapshot = backend.load(A)
    assert snapshot is not None
    assert snapshot.info.expires > timestamp() + 500
    assert backend.delete(A) is not None
    assert backend.load(A) is None


def test_a_full_redis_takes_a_save_that_makes_room(full_server: RedisProcess) -> None:
    backend = get_backend()
    backend.create(A, {"a": b"1" * 1000, "b": b"2"}, stamp(), limit=LIMIT)
    fill(full_server)
    assert backend.save(A, {"a": None}, stamp(), limit=LIMIT).size == 2


async def test_a_full_redis_is_a_named_error_in_a_callback_too(full_server: RedisProcess) -> None:
    store = SessionStore()
    store["a"] = 1
    await store.asave()
    fill(full_server)
    session = Session(store.session_key or "")
    await session.aload()
    session["a"] = "x" * 1000
    with pytest.raises(StoreFull):
        await session.asave()
    await session.aload()
    assert session["a"] == 1


def test_a_record_of_another_format_is_not_read(backend: Backend, redis_store: redis.Redis) -> None:
    """A later release lays out its records under keys of its own."""
    redis_store.hset(f"sessionstate:2:session:{A.id}", mapping={"m": "?", "=a": "1"})
    assert backend.load(A) is None
    with pytest.raises(SessionGone):
        backend.save(A, {}, stamp(), limit=LIMIT)


def test_a_listing_of_many_dead_records_does_not_hold_up_others(
    backend: Backend, redis_store: redis.Redis
) -> None:
    members = {f"{number:032}\0007": 0 for number in range(20_000)}
    redis_store.zadd("sessionstate:1:all:session", members)
    redis_store.config_set("slowlog-log-slower-than", 100_000)
    redis_store.slowlog_reset()
    started = time.monotonic()
    assert backend.infos(Kind.SESSION) == []
    assert time.monotonic() - started < 20
    assert redis_store.slowlog_get() == []
