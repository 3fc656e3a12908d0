from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

from sessionstate.backends.base import Address, Backend, Info, Kind, Snapshot, Stamp
from sessionstate.conf import conf
from sessionstate.errors import StoreUnavailable
from sessionstate.threads import in_thread
from sessionstate.together import Together

# Of an event loop, answered in one go.
_QUESTIONS = 100

_Found: TypeAlias = list[Snapshot | None] | Exception


class ThreadedBackend(Backend, Protocol):
    """Async twins for a backend whose storage has only a blocking client. What is to be loaded at
    the same time is loaded together."""

    _together: Together[Sequence[Address], _Found]

    def __init__(self) -> None:
        self._together = Together(
            self._load_all, most=_QUESTIONS, patience=lambda: conf.store_timeout / 2
        )

    async def aload(self, address: Address) -> Snapshot | None:
        (found,) = await self.aload_many([address])
        return found

    async def aload_many(self, addresses: Sequence[Address]) -> list[Snapshot | None]:
        if conf.threads == 0:  # each in a thread, and perhaps a transaction, of its own
            return await in_thread(self.load_many, addresses)
        found = await self._together.ask(addresses) if addresses else []
        if isinstance(found, Exception):
            raise found
        return found

    async def _load_all(self, questions: Sequence[Sequence[Address]]) -> list[_Found]:
        wanted = list(dict.fromkeys(address for asked in questions for address in asked))
        try:
            found = dict(zip(wanted, await in_thread(self.load_many, wanted), strict=True))
        except StoreUnavailable:
            raise
        except Exception as error:
            # An id that the database cannot take, say, which is nobody else's business.
            if len(questions) == 1:
                return [error]
            return [(await self._load_all([asked]))[0] for asked in questions]
        return [[found[address] for address in asked] for asked in questions]

    async def aliving(self, kind: Kind, ids: Collection[str]) -> set[str]:
        return await in_thread(self.living, kind, ids)

    async def acreate(
        self, address: Address, values: Mapping[str, bytes], stamp: Stamp, *, limit: int
    ) -> Info:
        return await in_thread(self.create, address, values, stamp, limit=limit)

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
        return await in_thread(
            self.save, address, changes, stamp, limit=limit, token=token, version=version
        )

    async def atouch(self, address: Address, stamp: Stamp) -> bool:
        return await in_thread(self.touch, address, stamp)

    async def adelete(self, address: Address) -> Info | None:
        return await in_thread(self.delete, address)

    async def alock(self, address: Address, token: str, age: float) -> bool:
        return await in_thread(self.lock, address, token, age)

    async def aunlock(self, address: Address, token: str) -> None:
        await in_thread(self.unlock, address, token)

    async def ainfos(
        self, kind: Kind, *, owner: str | None = None, after: str = "", limit: int = 100
    ) -> list[Info]:
        return await in_thread(self.infos, kind, owner=owner, after=after, limit=limit)

    async def apurge(self, batch: int = 1000) -> int:
        return await in_thread(self.purge, batch)

    async def aping(self) -> None:
        await in_thread(self.ping)
