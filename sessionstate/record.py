"""One stored record: its address, its values and what the store said of it last.

The one place that talks to a backend on behalf of the Django engine and of the scopes.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Protocol

from sessionstate.backends import get_backend
from sessionstate.backends.base import Address, Backend, Info, Snapshot, Stamp
from sessionstate.conf import conf
from sessionstate.errors import SessionExists, SessionGone
from sessionstate.mapping import Changes, Values
from sessionstate.signals import values_changed
from sessionstate.turns import aturn, turn


class Lifetime(Protocol):
    def __call__(self, values: Values, info: Info | None) -> Stamp:
        """What a write now says of the record."""


class StoredRecord:
    def __init__(
        self,
        address: Address,
        lifetime: Lifetime,
        *,
        upsert: bool,
        values: Values | None = None,
    ) -> None:
        """`upsert`: a save of a record that is not there creates it, instead of `SessionGone`."""
        self.address = address
        self.values = Values() if values is None else values
        self.info: Info | None = None
        self.loaded = False
        self._lifetime = lifetime
        self._upsert = upsert
        self._token: str | None = None
        # Asked before everything is written; raises what keeps it from being written.
        self.guard: Callable[[], None] | None = None

    @property
    def backend(self) -> Backend:
        return get_backend()

    def take(self, snapshot: Snapshot | None) -> bool:
        """What the backend has just loaded; `False` when there is no such record."""
        self.values.reset(snapshot.values if snapshot else {})
        self.info = snapshot.info if snapshot else None
        self.loaded = True
        return snapshot is not None

    def _stamp(self) -> Stamp:
        if self.guard is not None:
            self.guard()
        return self._lifetime(self.values, self.info)

    def load(self) -> bool:
        """Reads afresh, dropping unsaved changes; `False` when there is no such record."""
        return self.take(self.backend.load(self.address))

    async def aload(self) -> bool:
        return self.take(await self.backend.aload(self.address))

    def _created(self, info: Info, values: dict[str, bytes]) -> None:
        self.info = info
        self.loaded = True
        self.values.settle(values)

    def create(self) -> None:
        """Raises `SessionExists`, `StateTooLarge`, `NotStorable`."""
        values = self.values.encoded()
        stamp = self._stamp()
        self._created(
            self.backend.create(self.address, values, stamp, limit=conf.max_bytes), values
        )

    async def acreate(self) -> None:
        values = self.values.encoded()
        stamp = self._stamp()
        self._created(
            await self.backend.acreate(self.address, values, stamp, limit=conf.max_bytes), values
        )

    def save(self, *, version: int | None = None) -> bool:
        """Writes what changed; `False` when that is nothing.

        Errors as `Backend.save`; `NotStorable` before anything is sent.
        """
        changes = self.values.changes()
        if not changes:
            return False
        stamp, limit = self._stamp(), conf.max_bytes
        while True:
            try:
                self.info = self.backend.save(
                    self.address, changes, stamp, limit=limit, token=self._token, version=version
                )
                break
            except SessionGone:
                if not self._upsert:
                    raise
            # Only the changes: what was read from a record deleted since must not come back.
            with suppress(SessionExists):
                values = _present(changes)
                self.info = self.backend.create(self.address, values, stamp, limit=limit)
                break
        self._saved(changes)
        return True

    async def asave(self, *, version: int | None = None) -> bool:
        changes = self.values.changes()
        if not changes:
            return False
        stamp, limit = self._stamp(), conf.max_bytes
        while True:
            try:
                self.info = await self.backend.asave(
                    self.address, changes, stamp, limit=limit, token=self._token, version=version
                )
                break
            except SessionGone:
                if not self._upsert:
                    raise
            with suppress(SessionExists):
                values = _present(changes)
                self.info = await self.backend.acreate(self.address, values, stamp, limit=limit)
                break
        self._saved(changes)
        return True

    def _saved(self, changes: Changes) -> None:
        self.values.settle_changes(changes)
        values_changed.send_robust(type(self), address=self.address, keys=tuple(changes))

    def touch(self) -> bool:
        stamp = self._stamp()
        return self._touched(stamp, self.backend.touch(self.address, stamp))

    async def atouch(self) -> bool:
        stamp = self._stamp()
        return self._touched(stamp, await self.backend.atouch(self.address, stamp))

    def _touched(self, stamp: Stamp, found: bool) -> bool:
        if found and self.info is not None:
            self.info = self.info.stamped(stamp)
        return found

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Lock, merge in what is stored, run the block, save, unlock.

        Of a block that raises nothing is saved and its changes are dropped. The lock is fenced:
        when the block outlives `SESSIONSTATE_LOCK_AGE` and somebody else took over, the save
        raises `LockTimeout`.
        """
        token, pending = secrets.token_hex(16), self.values.changes()
        with turn(self.backend, self.address, token):
            snapshot = self.backend.load(self.address)
            self._enter(snapshot, token)
            try:
                yield
                self.save()
            except BaseException:
                self._revert(snapshot, pending)
                raise
            finally:
                self._token = None

    @asynccontextmanager
    async def aatomic(self) -> AsyncIterator[None]:
        token, pending = secrets.token_hex(16), self.values.changes()
        async with aturn(self.backend, self.address, token):
            snapshot = await self.backend.aload(self.address)
            self._enter(snapshot, token)
            try:
                yield
                await self.asave()
            except BaseException:
                self._revert(snapshot, pending)
                raise
            finally:
                self._token = None

    def _enter(self, snapshot: Snapshot | None, token: str) -> None:
        if snapshot is None and not self._upsert:
            raise SessionGone(f"this {self.address.kind} has ended")
        self.values.rebase(snapshot.values if snapshot else {})
        self.info = snapshot.info if snapshot else None
        self.loaded = True
        self._token = token

    def _revert(self, snapshot: Snapshot | None, pending: Changes) -> None:
        self.take(snapshot)
        self.values.apply(pending)


def _present(changes: Changes) -> dict[str, bytes]:
    return {key: data for key, data in changes.items() if data is not None}
