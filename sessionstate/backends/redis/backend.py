from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from django.utils.asyncio import async_unsafe
from redis.exceptions import NoScriptError, OutOfMemoryError, RedisError, ResponseError

from sessionstate.backends.base import Address, Info, Kind, Snapshot, Stamp
from sessionstate.backends.redis.connections import Connections
from sessionstate.backends.redis.layout import Layout, Request
from sessionstate.backends.redis.patience import Patience
from sessionstate.conf import conf
from sessionstate.errors import StoreFull, StoreUnavailable
from sessionstate.graves import ANSWER, Watch
from sessionstate.threads import in_thread
from sessionstate.together import Together

R = TypeVar("R")

# Requests of an event loop that are sent at once.
_PIPELINED = 100
# Ids that one listing script looks at: no other client waits longer than for these.
_PAGE = 500


class Backend:
    def __init__(self) -> None:
        self.watch = Watch(self)
        self._timeout = ANSWER * conf.store_timeout
        self._connections = Connections(conf.redis_alias, self._timeout, self.watch.doubt)
        self._layout = Layout(conf.redis_prefix)
        self._together = Together(
            self._answers, most=_PIPELINED, patience=lambda: self._timeout / 2
        )

    # One request, one answer; those of an event loop go together. What is pending comes first, and
    # only once there is a connection: making one may be how we learn that the server was away.

    @async_unsafe("sync calls of the session store block the event loop: use the async twins")
    def _ask(self, request: Request[R]) -> R:
        began = time.monotonic()
        with self._answering():
            connection = self._connections.take()
            try:
                in_doubt = self.watch.due()
                if in_doubt:
                    self.watch.settle(began)
                asked = time.monotonic()
                try:
                    connection.send_command(*request.command)
                    answer = connection.read_response()
                except NoScriptError:
                    connection.send_command(*request.command_with_text)
                    answer = connection.read_response()
            finally:
                self._connections.give(connection)
        self.watch.answered(asked)
        if in_doubt:
            self.watch.settle()
            self.watch.check(asked)
        return request.read(answer)

    async def _aask(self, request: Request[R]) -> R:
        answer = await self._together.ask(request)
        if isinstance(answer, ResponseError):
            with self._answering():
                raise answer
        return request.read(answer)

    async def _answers(self, requests: Sequence[Request[Any]]) -> list[Any]:
        """What Redis says to each; that may be a `ResponseError`."""
        began, patience = time.monotonic(), Patience(self._timeout)
        with self._answering():
            connection = await self._connections.aready()
            if connection is None:
                async with patience:
                    connection = await self._connections.atake()
            in_doubt = self.watch.due()
            if in_doubt:
                await self.watch.asettle(began)
            asked = time.monotonic()
            async with patience:
                answers = await self._exchange(connection, requests)
        self.watch.answered(asked)
        if in_doubt:
            await self.watch.asettle()
            self.watch.check(asked)
        return answers

    async def _exchange(self, connection: Any, requests: Sequence[Request[Any]]) -> list[Any]:
        pack = self._connections.pack
        packed = [part for request in requests for part in pack(*request.command)]
        await connection.send_packed_command(packed)
        answers = [await _answer(connection) for _ in requests]
        for place, request in enumerate(requests):
            if isinstance(answers[place], NoScriptError):
                await connection.send_command(*request.command_with_text)
                answers[place] = await _answer(connection)
        return answers

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError) as error:  # OSError: TimeoutError among others
            self.watch.doubt()
            if isinstance(error, OutOfMemoryError) or (
                isinstance(error, ResponseError) and "OOM command not allowed" in str(error)
            ):
                raise StoreFull("Redis has no memory left for this") from error
            raise StoreUnavailable(f"Redis does not answer: {type(error).__name__}") from error

    def load(self, address: Address) -> Snapshot | None:
        return self._ask(self._layout.load(address))

    def load_many(self, addresses: Sequence[Address]) -> list[Snapshot | None]:
        return self._ask(self._layout.load_many(addresses)) if addresses else []

    def living(self, kind: Kind, ids: Collection[str]) -> set[str]:
        return self._ask(self._layout.living(kind, ids)) if ids else set()

    def create(
        self, address: Address, values: Mapping[str, bytes], stamp: Stamp, *, limit: int
    ) -> Info:
        return self._ask(self._layout.create(address, values, stamp, limit))

    def save(
        self,
        address: Address,
        changes: Mapping[str, bytes | None],
        stamp: Stamp,
        *,
        limit: int,
        token: str | None = None,
        version: int | None = None,
    ) -> Info:
        return self._ask(self._layout.save(address, changes, stamp, limit, token, version))

    def touch(self, address: Address, stamp: Stamp) -> bool:
        return self._ask(self._layout.touch(address, stamp))

    def delete(self, address: Address) -> Info | None:
        try:
            return self._ask(self._layout.delete(address))
        except StoreUnavailable as error:
            self.watch.leave(address, error)
            raise

    def lock(self, address: Address, token: str, age: float) -> bool:
        return self._ask(self._layout.lock(address, token, age))

    def unlock(self, address: Address, token: str) -> None:
        self._ask(self._layout.unlock(address, token))

    def infos(
        self, kind: Kind, *, owner: str | None = None, after: str = "", limit: int = 100
    ) -> list[Info]:
        found: list[Info] = []
        while len(found) < limit:
            count = min(limit - len(found), _PAGE)
            more, after = self._ask(self._layout.infos(kind, owner, after, count))
            found += more
            if not after:
                break
        return found

    def purge(self, batch: int = 1000) -> int:
        purged = 0
        for kind in Kind:
            after = ""
            while True:
                dead, after = self._ask(self._layout.purge(kind, after, batch))
                purged += dead
                if not after:
                    break
        return purged

    def ping(self) -> None:
        self._ask(self._layout.ping())

    async def aload(self, address: Address) -> Snapshot | None:
        return await self._aask(self._layout.load(address))

    async def aload_many(self, addresses: Sequence[Address]) -> list[Snapshot | None]:
        return await self._aask(self._layout.load_many(addresses)) if addresses else []

    async def aliving(self, kind: Kind, ids: Collection[str]) -> set[str]:
        return await self._aask(self._layout.living(kind, ids)) if ids else set()

    async def acreate(
        self, address: Address, values: Mapping[str, bytes], stamp: Stamp, *, limit: int
    ) -> Info:
        return await self._aask(self._layout.create(address, values, stamp, limit))

    async def asave(
        self,
        address: Address,
        changes: Mapping[str, bytes | None],
        stamp: Stamp,
        *,
        limit: int,
        token: str | None = None,
        version: int | None = None,
    ) -> Info:
        return await self._aask(self._layout.save(address, changes, stamp, limit, token, version))

    async def atouch(self, address: Address, stamp: Stamp) -> bool:
        return await self._aask(self._layout.touch(address, stamp))

    async def adelete(self, address: Address) -> Info | None:
        try:
            return await self._aask(self._layout.delete(address))
        except StoreUnavailable as error:
            await in_thread(self.watch.leave, address, error)
            raise

    async def alock(self, address: Address, token: str, age: float) -> bool:
        return await self._aask(self._layout.lock(address, token, age))

    async def aunlock(self, address: Address, token: str) -> None:
        await self._aask(self._layout.unlock(address, token))

    async def ainfos(
        self, kind: Kind, *, owner: str | None = None, after: str = "", limit: int = 100
    ) -> list[Info]:
        found: list[Info] = []
        while len(found) < limit:
            count = min(limit - len(found), _PAGE)
            more, after = await self._aask(self._layout.infos(kind, owner, after, count))
            found += more
            if not after:
                break
        return found

    async def apurge(self, batch: int = 1000) -> int:
        purged = 0
        for kind in Kind:
            after = ""
            while True:
                dead, after = await self._aask(self._layout.purge(kind, after, batch))
                purged += dead
                if not after:
                    break
        return purged

    async def aping(self) -> None:
        await self._aask(self._layout.ping())


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
