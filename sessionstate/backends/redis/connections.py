"""Connections to the Redis of a django-redis alias, for threads and for event loops.

The pool for threads is made by the alias' own connection factory, and the pools for event loops
from that pool's settings, so that everything an alias may say (TLS, passwords, pool class) holds
here too. What must not differ from site to site is set here: the time a call may take, no second
attempts, plain answers. Sharing the cache's pool would change all that for the cache.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Any

import redis.asyncio as aredis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from redis.connection import (
    BlockingConnectionPool,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

APool = aredis.BlockingConnectionPool

_TWINS: dict[type, type[aredis.connection.AbstractConnection]] = {
    Connection: aredis.Connection,
    SSLConnection: aredis.SSLConnection,
    UnixDomainSocketConnection: aredis.UnixDomainSocketConnection,
}


# RESP 2 needs no greeting, and no server may change the timeouts during its maintenance.
_PLAIN = {"protocol": 2, "maint_notifications_config": MaintNotificationsConfig(enabled=False)}


class Connections:
    """Idle connections are kept here: a pool's own way to take and release one costs half as much
    as asking Redis does."""

    def __init__(self, alias: str, timeout: float, on_connect: Callable[[], None]) -> None:
        """`on_connect` is called whenever a connection was made, before it is used."""
        self._timeout = timeout
        self._on_connect = on_connect
        self._loops: dict[
            asyncio.AbstractEventLoop, tuple[LoopConnection, AsyncGenerator[None]]
        ] = {}
        self._idle: deque[Any] = deque()
        self._process = os.getpid()
        self.pool = _pool(alias)
        twin = _TWINS.get(self.pool.connection_class)
        if twin is None:
            raise ImproperlyConfigured(
                f"SESSIONSTATE_REDIS_ALIAS = {alias!r}: the redis backend talks to one server, by "
                f"TCP, TLS or a Unix socket, not through {self.pool.connection_class.__name__}."
            )
        self._twin = twin
        given = dict(self.pool.connection_kwargs)
        for own in ("parser_class", "himport_registry"):
            given.pop(own, None)
        given |= {
            "socket_connect_timeout": timeout,
            "retry": None,
            "retry_on_timeout": False,
            "retry_on_error": [],
            "health_check_interval": 0,
            "decode_responses": False,
            "protocol": _PLAIN["protocol"],  # a query in the URL overrides what it was made with
            "driver_info": None,
        }
        self._given = given
        self.pool.connection_kwargs |= given | {
            "socket_timeout": timeout,
            "redis_connect_func": self._connected,
        }
        if isinstance(self.pool, BlockingConnectionPool):
            self.pool.timeout = timeout
        # Never connected.
        self._packer: Any = self.pool.connection_class(**self.pool.connection_kwargs)

    def take(self) -> Any:
        """A connected connection, for nobody else until it is given back."""
        if self._process != os.getpid():  # a fork must not use its parent's
            self._idle, self._process = deque(), os.getpid()
        pool: Any = self.pool
        try:
            connection = self._idle.pop()
        except IndexError:
            return pool.get_connection()
        if _fresh(connection):
            return connection
        pool.release(connection)
        return pool.get_connection()  # which connects it again

    def give(self, connection: Any) -> None:
        # Who waits for a connection waits in the pool.
        if connection.is_connected and not isinstance(self.pool, BlockingConnectionPool):
            self._idle.append(connection)
        else:
            self.pool.release(connection)

    def _connected(self, connection: Any) -> None:  # redis-py has types for half of itself
        connection.on_connect()
        self._on_connect()

    async def _aconnected(self, connection: Any) -> None:
        await connection.on_connect()
        self._on_connect()

    async def aready(self) -> Any:
        """What `atake` gives, if nothing has to be waited for, or `None`."""
        found = self._loops.get(asyncio.get_running_loop())
        return await found[0].ready() if found else None

    async def atake(self) -> Any:
        """The connection of the running event loop, connected; one at a time may use it."""
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            pool = APool(
                max_connections=1,
                timeout=None,
                connection_class=self._twin,
                **self._given
                # The caller has one timeout around everything, which costs less than one a read.
                | {"socket_timeout": None, "redis_connect_func": self._aconnected},
            )
            closing = self._closing(loop, pool)
            self._loops[loop] = LoopConnection(pool), closing
            await anext(closing)
        return await self._loops[loop][0].take()

    def pack(self, *command: Any) -> list[bytes]:
        """As it is sent; the connections of threads do it in C, those of event loops do not."""
        packed: list[bytes] = self._packer.pack_command(*command)
        return packed

    async def _closing(self, loop: asyncio.AbstractEventLoop, pool: APool) -> AsyncGenerator[None]:
        """Waits for the end of its loop, which is when a loop closes the generators begun in it."""
        try:
            yield
        finally:
            self._loops.pop(loop, None)
            await pool.aclose()


class LoopConnection:
    def __init__(self, pool: APool) -> None:
        self._pool: Any = pool
        self._connection: Any = None

    async def ready(self) -> Any:
        if self._connection is not None and await _afresh(self._connection):
            return self._connection
        return None

    async def take(self) -> Any:
        if connection := await self.ready():
            return connection
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await self._pool.release(connection)
        self._connection = await self._pool.get_connection()
        return self._connection


def _fresh(connection: Any) -> bool:
    """Whether the server has not closed it, and nothing is left to be read."""
    try:
        return not connection.can_read()
    except (RedisError, OSError):
        return False


async def _afresh(connection: Any) -> bool:
    try:
        return connection.is_connected and not await connection.can_read()
    except (RedisError, OSError):
        return False


def _pool(alias: str) -> ConnectionPool:
    try:
        from django_redis.pool import get_connection_factory
    except ImportError as error:
        raise ImproperlyConfigured("the redis backend needs django-redis") from error
    config: dict[str, Any] = settings.CACHES.get(alias, {})
    location = config.get("LOCATION")
    if not location or "django_redis" not in config["BACKEND"]:
        raise ImproperlyConfigured(
            f"SESSIONSTATE_REDIS_ALIAS = {alias!r} is no alias of CACHES that django-redis serves."
        )
    # Further locations are replicas, which may not have the newest state yet.
    url = location.split(",")[0] if isinstance(location, str) else location[0]
    factory = get_connection_factory(config.get("OPTIONS", {}))
    params = factory.make_connection_params(url) | _PLAIN
    pool: ConnectionPool = factory.get_connection_pool(params)
    return pool
