"""Whoever loads a session, changes one small key and saves it."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any, Protocol

from django.conf import settings

from benchmarks.sessions.site import Router
from sessionstate.conf import conf

COUNTER = "counter"


class Contestant(Protocol):
    name: str
    # Engines of the same storage are compared with each other.
    storage: str
    ours: bool

    def prepare(self) -> None:
        """Before every turn; not timed."""

    def create(self, data: dict[str, Any]) -> None:
        """The session that is used from now on."""


class Sync(Contestant, Protocol):
    def load(self) -> Any:
        """The session, with `COUNTER` read."""

    def save(self, session: Any) -> None:
        """After adding one to `COUNTER`."""


class Async(Contestant, Protocol):
    async def aload(self) -> Any: ...
    async def asave(self, session: Any) -> None: ...


class Engine:
    """A Django session engine, ours or Django's, by the API that all of them have."""

    def __init__(self, name: str, storage: str, module: str, **chosen: str) -> None:
        """`chosen`: settings, and `database` for the alias of the database."""
        self.name = name
        self.storage = storage
        self.ours = module == OURS
        self._database = chosen.pop("database", "default")
        self._chosen = chosen
        self._store = import_module(module).SessionStore
        self._key = ""

    def prepare(self) -> None:
        Router.alias = self._database
        for name, value in self._chosen.items():
            setattr(settings, name, value)
            conf.forget(setting=name)

    def create(self, data: dict[str, Any]) -> None:
        self.prepare()
        session = self._store()
        session.update({**data, COUNTER: 0})
        session.save()
        self._key = session.session_key

    def load(self) -> Any:
        session = self._store(self._key)
        session[COUNTER]
        return session

    def save(self, session: Any) -> None:
        session[COUNTER] += 1
        session.save()

    async def aload(self) -> Any:
        session = self._store(self._key)
        await session.aget(COUNTER)
        return session

    async def asave(self, session: Any) -> None:
        await session.aset(COUNTER, await session.aget(COUNTER) + 1)
        await session.asave()


class Starsessions:
    """As its middleware does it, with its default serializer (JSON)."""

    name = "starsessions"
    storage = "redis"
    ours = False

    def __init__(self, port: int) -> None:
        import redis.asyncio
        from starsessions.serializers import JsonSerializer
        from starsessions.stores.redis import RedisStore

        self._serializer = JsonSerializer()
        self._store = RedisStore(connection=redis.asyncio.Redis(port=port))
        self._port = port
        self._key = ""

    def prepare(self) -> None:
        pass

    def create(self, data: dict[str, Any]) -> None:
        import redis

        self._key = "benchmark"
        content = self._serializer.serialize({**data, COUNTER: 0})
        with redis.Redis(port=self._port) as client:
            client.set(f"starsessions.{self._key}", content, ex=3600)

    async def aload(self) -> Any:
        from starlette.requests import HTTPConnection
        from starsessions.session import SessionHandler

        connection = HTTPConnection({"type": "http", "headers": []})
        handler = SessionHandler(connection, self._key, self._store, self._serializer, 3600)
        await handler.load()
        connection.session[COUNTER]
        return handler

    async def asave(self, session: Any) -> None:
        session.connection.session[COUNTER] += 1
        await session.save(3600)


class RedisFloor:
    """The least that keeping keys apart can cost: no codec, no rules, no errors."""

    name = "bare HGETALL + HSET"
    storage = "redis"
    ours = False

    def __init__(self, port: int) -> None:
        import redis.asyncio

        self._client = redis.Redis(port=port)
        self._aclient = redis.asyncio.Redis(port=port)

    def prepare(self) -> None:
        pass

    def create(self, data: dict[str, Any]) -> None:
        from sessionstate.codec import encode

        self._client.delete("floor")
        values = {key: encode(value) for key, value in data.items()}
        self._client.hset("floor", mapping={**values, COUNTER: b"0"})

    def load(self) -> Any:
        return self._client.hgetall("floor")

    def save(self, session: Any) -> None:
        pipe = self._client.pipeline(transaction=False)
        pipe.hset("floor", COUNTER, b"%d" % (int(session[COUNTER.encode()]) + 1))
        pipe.expire("floor", 3600)
        pipe.execute()

    async def aload(self) -> Any:
        return await self._aclient.hgetall("floor")

    async def asave(self, session: Any) -> None:
        pipe = self._aclient.pipeline(transaction=False)
        pipe.hset("floor", COUNTER, b"%d" % (int(session[COUNTER.encode()]) + 1))
        pipe.expire("floor", 3600)
        await pipe.execute()


class SQLFloor:
    """The same on a database: one SELECT, one UPDATE, each committed, by its driver alone."""

    name = "bare SELECT + UPDATE"
    ours = False

    def __init__(self, alias: str, storage: str) -> None:
        self.storage = storage
        self._alias = alias
        self._mark = "?" if alias == "default" else "%s"
        self._connections: dict[bool, Any] = {}

    def _connect(self, apart: bool) -> Any:
        """`apart`: for the thread of async code."""
        if apart not in self._connections:
            from django.db import connections

            wrapper = connections[self._alias]
            parameters = wrapper.get_connection_params()
            if self._alias == "default":
                parameters |= {"check_same_thread": False, "isolation_level": None}
            connection = wrapper.get_new_connection(parameters)
            if self._alias == "default":
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
            else:
                connection.autocommit = True
            self._connections[apart] = connection
        return self._connections[apart]

    def prepare(self) -> None:
        pass

    def create(self, data: dict[str, Any]) -> None:
        from sessionstate.codec import encode

        kind = "blob" if self._alias == "default" else "bytea"
        cursor = self._connect(False).cursor()
        cursor.execute("DROP TABLE IF EXISTS floor")
        cursor.execute(
            f"CREATE TABLE floor (id int, name text, data {kind}, PRIMARY KEY(id, name))"
        )
        values = {key: encode(value) for key, value in data.items()}
        rows = [(1, key, value) for key, value in {**values, COUNTER: b"0"}.items()]
        marks = ", ".join([self._mark] * 3)
        cursor.execute("BEGIN")
        cursor.executemany(f"INSERT INTO floor VALUES ({marks})", rows)
        cursor.execute("COMMIT")

    def load(self, apart: bool = False) -> Any:
        cursor = self._connect(apart).cursor()
        cursor.execute(f"SELECT name, data FROM floor WHERE id = {self._mark}", (1,))
        return dict(cursor.fetchall())

    def save(self, session: Any, apart: bool = False) -> None:
        update = (
            f"UPDATE floor SET data = {self._mark} WHERE id = {self._mark} AND name = {self._mark}"
        )
        changed = b"%d" % (int(session[COUNTER]) + 1)
        self._connect(apart).cursor().execute(update, (changed, 1, COUNTER))

    async def aload(self) -> Any:
        return await asyncio.to_thread(self.load, True)

    async def asave(self, session: Any) -> None:
        await asyncio.to_thread(self.save, session, True)


OURS, DJANGO = "sessionstate.engine", "django.contrib.sessions.backends"


def contestants(redis: int) -> list[Any]:
    return [
        Engine("memory", "memory", OURS, SESSIONSTATE_BACKEND="memory"),
        Engine("Django cache", "memory", f"{DJANGO}.cache", SESSION_CACHE_ALIAS="locmem"),
        Engine("db", "SQLite", OURS, SESSIONSTATE_BACKEND="db"),
        Engine("Django db", "SQLite", f"{DJANGO}.db"),
        SQLFloor("default", "SQLite"),
        Engine("db", "PostgreSQL", OURS, SESSIONSTATE_BACKEND="db", database="postgres"),
        Engine("Django db", "PostgreSQL", f"{DJANGO}.db", database="postgres"),
        Engine(
            "Django cached_db",
            "PostgreSQL",
            f"{DJANGO}.cached_db",
            SESSION_CACHE_ALIAS="default",
            database="postgres",
        ),
        SQLFloor("postgres", "PostgreSQL"),
        Engine("cache", "redis", OURS, SESSIONSTATE_BACKEND="cache"),
        Engine("redis", "redis", OURS, SESSIONSTATE_BACKEND="redis"),
        Engine("Django cache", "redis", f"{DJANGO}.cache", SESSION_CACHE_ALIAS="default"),
        Starsessions(redis),
        RedisFloor(redis),
    ]
