"""Redis stopped, frozen, restarted or unwilling: bounded errors, recovery, and no way back for a
session that was revoked meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from sessionstate import Session, TabState, clock, graves, logins
from sessionstate.backends import get_backend
from sessionstate.backends.base import Address, Info, Kind
from sessionstate.backends.redis import Backend as RedisBackend
from sessionstate.engine import SessionStore
from sessionstate.errors import RevocationPending, SessionGone, StoreUnavailable
from sessionstate.graves import Watch
from sessionstate.models import PendingRevocation
from sessionstate.signals import session_revoked
from tests.servers import BASE_DIR, BLOCKED, GRACE, Postgres, manage, project_env
from tests.sessionstate.redis_process import RedisProcess

LIMIT = 2.0 + GRACE


@pytest.fixture
def server(tmp_path: Path, transactional_db: None) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path / "redis") as server, override_settings(**server.settings):
        yield server


def sign_in(user: str = "7") -> str:
    store = SessionStore()
    store["_auth_user_id"] = user
    store["a"] = 1
    store.save()
    assert store.session_key is not None
    return store.session_key


async def asign_in() -> str:
    store = SessionStore()
    await store.aupdate({"_auth_user_id": "7", "a": 1})
    await store.asave()
    assert store.session_key is not None
    return store.session_key


@contextmanager
def unavailable(limit: float = LIMIT) -> Iterator[None]:
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        yield
    assert time.monotonic() - started < limit


def calls(session_id: str) -> list[Callable[[], object]]:
    def save() -> None:
        session = Session(session_id)
        session["a"] = 2
        session.save()

    return [
        lambda: Session(session_id).load(),
        save,
        lambda: logins.for_user("7"),
        SessionStore().create,
        get_backend().ping,
    ]


def test_a_stopped_redis_is_an_error_at_once_and_recovers(server: RedisProcess) -> None:
    session_id = sign_in()
    server.stop()
    for call in calls(session_id):
        with unavailable():
            call()
    server.start()
    for call in calls(session_id):
        call()
    assert Session(session_id)["a"] == 2


def test_a_frozen_redis_is_an_error_in_time_and_recovers(server: RedisProcess) -> None:
    session_id = sign_in()
    server.freeze()
    for _ in range(3):  # on a connection that was there, and on new ones
        with unavailable():
            Session(session_id).load()
    server.thaw()
    assert Session(session_id)["a"] == 1


async def test_a_frozen_redis_never_blocks_the_event_loop(server: RedisProcess) -> None:
    session_id = await asign_in()
    await Session(session_id).aload()
    gaps = []

    async def beat() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - before)

    async def ask() -> None:
        with unavailable():
            await Session(session_id).aload()

    heart = asyncio.create_task(beat())
    server.freeze()
    await asyncio.gather(*[ask() for _ in range(100)])
    server.stop()
    await asyncio.gather(*[ask() for _ in range(100)])
    server.start()
    await Session(session_id).aload()
    heart.cancel()
    assert max(gaps) < BLOCKED


async def test_many_at_once_are_refused_in_time_with_something_pending(
    server: RedisProcess,
) -> None:
    session_id = await asign_in()
    await Session(session_id).aload()
    server.freeze()
    with pytest.raises(RevocationPending):
        await logins.arevoke(session_id)

    async def ask() -> None:
        with unavailable():
            await Session(session_id).aload()

    await asyncio.gather(*[ask() for _ in range(100)])


def test_a_redis_that_only_reads_or_serves_nothing_is_unavailable(server: RedisProcess) -> None:
    session_id = sign_in()
    with server.client() as client:
        client.config_set("replica-serve-stale-data", "no")
        client.replicaof("127.0.0.1", "1")
        with unavailable():  # MASTERDOWN
            Session(session_id).load()
        client.config_set("replica-serve-stale-data", "yes")
        assert Session(session_id)["a"] == 1
        with unavailable():  # READONLY
            calls(session_id)[1]()
        client.replicaof("NO", "ONE")
    calls(session_id)[1]()
    assert Session(session_id)["a"] == 2


def test_an_outage_is_no_storm_of_attempts(server: RedisProcess) -> None:
    session_id = sign_in()
    server.freeze()
    for _ in range(3):
        with unavailable():
            Session(session_id).load()
    server.thaw()
    with server.client() as client:
        # The queue of the frozen server holds what was sent: one command for each call.
        loads = client.info("commandstats")["cmdstat_hgetall"]["calls"]
    assert loads <= 3


# Revoked while the store was away


@contextmanager
def serving(server: RedisProcess, session_id: str, way: str) -> Iterator[subprocess.Popen[str]]:
    env = project_env(
        Path(str(connection.settings_dict["NAME"])).parent,
        DATABASE_URL=f"sqlite:///{connection.settings_dict['NAME']}",
        REDIS_URL=server.url,
        SESSIONSTATE_BACKEND="redis",
    )
    with subprocess.Popen(
        [sys.executable, "-m", "tests.sessionstate.asking", session_id, way],
        cwd=BASE_DIR,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "alive\n"
            yield process
        finally:
            process.kill()


def states(process: subprocess.Popen[str]) -> list[str]:
    """What it came to know until the session was gone for it."""
    assert process.stdout is not None
    process.wait(30)
    return process.stdout.read().split()


@pytest.mark.parametrize("way", ["sync", "async"])
def test_revoked_while_redis_was_stopped_is_refused_by_every_process(
    server: RedisProcess, way: str
) -> None:
    session_id, other = sign_in(), sign_in()
    with serving(server, session_id, way) as process:
        server.stop()
        with pytest.raises(RevocationPending):
            logins.revoke(session_id)
        server.start()
        assert states(process) in (["down", "gone"], ["gone"])
    assert not PendingRevocation.objects.exists()
    with pytest.raises(SessionGone):
        Session(session_id).load()
    assert Session(other)["a"] == 1  # it did come back with its data


@pytest.mark.parametrize("way", ["sync", "async"])
def test_revoked_while_redis_was_frozen_is_refused_by_every_process(
    server: RedisProcess, way: str
) -> None:
    session_id = sign_in()
    with serving(server, session_id, way) as process:
        server.freeze()
        with unavailable():
            logins.revoke(session_id)
        assert PendingRevocation.objects.exists()
        server.thaw()
        assert states(process) in (["down", "gone"], ["gone"])
    with pytest.raises(SessionGone):
        Session(session_id).load()
    assert not PendingRevocation.objects.exists()


def test_a_short_restart_between_two_requests_is_noticed(server: RedisProcess) -> None:
    session_id = sign_in()
    serving_backend, revoking_backend = RedisBackend(), RedisBackend()
    address = Address(Kind.SESSION, session_id)
    for _ in range(3):
        assert serving_backend.load(address) is not None
    server.stop()
    with pytest.raises(RevocationPending):
        revoking_backend.delete(address)
    server.start()
    assert serving_backend.load(address) is None


async def test_async_code_leaves_its_revocations_too(server: RedisProcess) -> None:
    session_id = await asign_in()
    await Session(session_id).aload()
    server.stop()
    with pytest.raises(RevocationPending):
        await logins.arevoke(session_id)
    server.start()
    with pytest.raises(SessionGone):
        await Session(session_id).aload()


def test_all_sessions_that_a_user_had_are_ended_but_the_spared_one_and_later_ones(
    server: RedisProcess,
) -> None:
    spared, *ended = [sign_in() for _ in range(4)]
    other = sign_in("8")
    server.stop()
    with pytest.raises(RevocationPending):
        logins.revoke_user("7", except_id=spared)
    server.start()
    clock.shift(1)
    later = sign_in()
    assert {login.id for login in logins.for_user("7")} == {spared, later}
    assert {login.id for login in logins.for_user("8")} == {other}
    assert not PendingRevocation.objects.exists()
    assert all(get_backend().load(Address(Kind.SESSION, key)) is None for key in ended)


async def test_all_sessions_of_a_user_by_async_code(server: RedisProcess) -> None:
    session_id = await asign_in()
    server.stop()
    with pytest.raises(RevocationPending):
        await logins.arevoke_user("7")
    server.start()
    with pytest.raises(SessionGone):
        await Session(session_id).aload()


def test_what_was_pending_is_announced_when_it_takes_effect(server: RedisProcess) -> None:
    heard: list[tuple[str, str]] = []

    def hear(session_id: str, user_id: str, **_: object) -> None:
        heard.append((session_id, user_id))

    session_id = sign_in()
    server.stop()
    with pytest.raises(RevocationPending):
        logins.revoke(session_id)
    server.start()
    session_revoked.connect(hear)
    try:
        get_backend().ping()
    finally:
        session_revoked.disconnect(hear)
    assert heard == [(session_id, "7")]


def test_the_state_of_the_tabs_goes_with_the_session(server: RedisProcess) -> None:
    session_id = sign_in()
    backend = get_backend()
    state = TabState(session_id, "tab")
    state["a"] = 1
    state.save()
    assert len(backend.infos(Kind.TAB, owner=session_id)) == 1
    server.stop()
    with pytest.raises(RevocationPending):
        logins.revoke(session_id)
    server.start()
    assert backend.infos(Kind.TAB, owner=session_id) == []


def test_without_the_table_nobody_is_served_and_nothing_is_promised(server: RedisProcess) -> None:
    session_id = sign_in()
    get_backend().load(Address(Kind.SESSION, session_id))
    table = PendingRevocation._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO away")
        try:
            with pytest.raises(StoreUnavailable):
                RedisBackend().load(Address(Kind.SESSION, session_id))
            server.stop()
            with pytest.raises(StoreUnavailable) as refused:
                logins.revoke(session_id)
            assert not isinstance(refused.value, RevocationPending)
        finally:
            cursor.execute(f"ALTER TABLE away RENAME TO {table}")
    server.start()
    assert Session(session_id)["a"] == 1


ROLLED_BACK = """
from django.db import transaction
from sessionstate import logins
from sessionstate.errors import RevocationPending
from sessionstate.models import PendingRevocation
try:
    with transaction.atomic():
        logins.revoke("x" * 32)
except RevocationPending:
    # Migrations have left news of their own.
    print("pending:", PendingRevocation.objects.filter(ident="x" * 32).count())
"""


def test_a_revocation_stays_pending_when_its_caller_rolls_back(
    postgres_server: Postgres, tmp_path: Path
) -> None:
    env = project_env(
        tmp_path,
        DATABASE_URL=postgres_server.new_database("rolled_back"),
        REDIS_URL="redis://127.0.0.1:1/0",
        SESSIONSTATE_BACKEND="redis",
    )
    assert manage("migrate", "-v", "0", env=env).returncode == 0
    done = manage("shell", "-v", "0", "-c", ROLLED_BACK, env=env)
    assert done.stdout == "pending: 1\n", done.stderr


def test_steady_traffic_hardly_asks_the_database(server: RedisProcess) -> None:
    session_id = sign_in()
    with CaptureQueriesContext(connection) as queries:
        for number in range(500):
            session = Session(session_id)
            session["a"] = number
            session.save()
    assert len(queries) < 30


class Reachable:
    """A store that is always there, and counts."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete(self, address: Address) -> Info | None:
        self.deleted.append(address.id)
        return None

    def infos(
        self, kind: Kind, *, owner: str | None = None, after: str = "", limit: int = 100
    ) -> list[Info]:
        return []


def test_a_revoker_that_alone_lost_the_store_is_heard_within_a_minute(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment, ticks = 1000.0, itertools.count()
    monkeypatch.setattr(graves.time, "monotonic", lambda: moment + next(ticks) / 1e9)
    store = Reachable()
    watch = Watch(store)

    def steady_traffic(seconds: int) -> int:
        nonlocal moment
        looks = 0
        for _ in range(4 * seconds):
            looks += watch.due()
            with watch.serving():
                moment += 0.25
        return looks

    assert steady_traffic(600) < 20
    PendingRevocation.objects.create(kind=Kind.SESSION, ident="x" * 32, at=0.0)
    steady_traffic(61)
    assert store.deleted == ["x" * 32]


def test_an_error_of_the_caller_is_no_reason_to_look(transactional_db: None) -> None:
    watch = Watch(Reachable())
    with watch.serving():
        pass
    assert not watch.due()
    with pytest.raises(SessionGone), watch.serving():
        raise SessionGone("it has ended")
    assert not watch.due()
    with pytest.raises(StoreUnavailable), watch.serving():
        raise StoreUnavailable("it does not answer")
    assert watch.due()
