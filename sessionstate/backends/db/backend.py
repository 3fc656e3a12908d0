from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, cast

from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
    router,
    transaction,
)
from django.db.backends.utils import CursorWrapper

from sessionstate.backends.base import (
    Address,
    Info,
    Kind,
    Snapshot,
    Stamp,
    size_of,
)
from sessionstate.backends.db import locks, postgresql, saving, sqlite
from sessionstate.backends.db.grouped import GroupedSaves, Save, Saved
from sessionstate.backends.db.sql import (
    FAR,
    INFO,
    LIVE,
    RECORD,
    VALUE,
    info_of,
    insert,
    kinds_and_ids,
    load_many,
    remove,
    snapshot_of,
    snapshots_of,
)
from sessionstate.backends.threaded import ThreadedBackend
from sessionstate.clock import timestamp
from sessionstate.conf import conf
from sessionstate.errors import (
    SessionExists,
    SessionGone,
    StateError,
    StateTooLarge,
    StoreUnavailable,
)
from sessionstate.models import StateRecord

_ADDRESSES = 100  # in one statement


class Backend(ThreadedBackend):
    def __init__(self) -> None:
        super().__init__()
        self._grouped = GroupedSaves(self._save_all)
        self._glance = sqlite.Glance()

    @property
    def alias(self) -> str:
        return router.db_for_write(StateRecord)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable("the session database does not answer") from error

    @contextmanager
    def _cursor(self) -> Iterator[CursorWrapper]:
        with self._answering(), connections[self.alias].cursor() as cursor:
            yield cursor

    @contextmanager
    def _transaction(self) -> Iterator[CursorWrapper]:
        connection = connections[self.alias]
        # Inside somebody's transaction the turn is ours already, and waiting for another thread
        # would be a deadlock.
        queue = connection.vendor == "sqlite" and not connection.in_atomic_block
        with (
            self._answering(),
            sqlite.writer if queue else nullcontext(),
            transaction.atomic(self.alias),
            connection.cursor() as cursor,
        ):
            yield cursor

    @contextmanager
    def _saving(self) -> Iterator[CursorWrapper]:
        connection = connections[self.alias]
        with self._answering():
            if connection.vendor == "sqlite" and connection.get_autocommit():
                with sqlite.transaction(connection) as cursor:
                    yield cursor
                return
        with self._transaction() as cursor:
            yield cursor

    def load(self, address: Address) -> Snapshot | None:
        with self._cursor() as cursor:
            cursor.execute(
                f"SELECT {INFO}, v.name, v.data FROM {RECORD} r"
                f" LEFT JOIN {VALUE} v ON v.record_id = r.id WHERE {LIVE}",
                [address.kind, address.id, timestamp()],
            )
            rows = cursor.fetchall()
        return snapshot_of(address, rows)

    def load_many(self, addresses: Sequence[Address]) -> list[Snapshot | None]:
        found: list[Snapshot | None] = []
        for start in range(0, len(addresses), _ADDRESSES):
            chunk = addresses[start : start + _ADDRESSES]
            with self._cursor() as cursor:
                cursor.execute(load_many(len(chunk)), [*kinds_and_ids(chunk), timestamp()])
                found += snapshots_of(chunk, cursor.fetchall())
        return found

    async def aload_many(self, addresses: Sequence[Address]) -> list[Snapshot | None]:
        alias = self.alias
        if addresses and conf.threads > 0 and sqlite.is_used(alias):
            found = await self._glance.load_many(alias, addresses)
            if found is not None:
                return found
        return await super().aload_many(addresses)

    def living(self, kind: Kind, ids: Collection[str]) -> set[str]:
        if not ids:
            return set()
        places = ", ".join(["%s"] * len(ids))
        with self._cursor() as cursor:
            cursor.execute(
                f"SELECT r.ident FROM {RECORD} r"
                f" WHERE r.kind = %s AND r.ident IN ({places}) AND r.expires > %s",
                [kind, *ids, timestamp()],
            )
            return {ident for (ident,) in cursor.fetchall()}

    def create(
        self, address: Address, values: Mapping[str, bytes], stamp: Stamp, *, limit: int
    ) -> Info:
        size = size_of(values)
        if size > limit:
            raise StateTooLarge(size, limit)
        record = StateRecord(
            kind=address.kind,
            ident=address.id,
            created=stamp.used,
            used=stamp.used,
            expires=min(stamp.expires, FAR),
            owner=stamp.owner or "",
            ip=stamp.ip or "",
            user_agent=stamp.user_agent or "",
            size=size,
        )
        try:
            with self._transaction() as cursor:
                # An expired record of this id does not exist, and must not be in the way.
                expired = StateRecord.objects.using(self.alias).filter(
                    kind=address.kind, ident=address.id, expires__lte=timestamp()
                )
                expired.delete()
                record.save(using=self.alias, force_insert=True)
                insert(cursor, record.pk, values)
        except IntegrityError as error:
            raise SessionExists(f"there is a {address.kind} of this id already") from error
        fields = (record.owner, record.created, record.used, record.expires, record.ip)
        return info_of(address, (*fields, record.user_agent, 1, size))

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
        connection = connections[self.alias]
        whole = token is None and version is None and None not in changes.values()
        if whole and connection.vendor == "postgresql":
            with self._cursor() as cursor:
                if connection.get_autocommit():
                    values = cast(Mapping[str, bytes], changes)
                    return postgresql.save(cursor, address, values, stamp, limit)
        with self._saving() as cursor:
            return saving.save(cursor, connection, address, changes, stamp, limit, token, version)

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
        if conf.threads == 0 or not sqlite.is_used(self.alias):
            return await super().asave(
                address, changes, stamp, limit=limit, token=token, version=version
            )
        return await self._grouped.save((address, changes, stamp, limit, token, version))

    def _save_all(self, saves: Sequence[Save]) -> list[Saved]:
        """In one transaction, and yet each for itself: who is refused has written nothing."""
        saved: list[Saved] = []
        with self._saving() as cursor:
            for save in saves:
                try:
                    saved.append(saving.save(cursor, connections[self.alias], *save))
                except StateError as error:
                    saved.append(error)
        return saved

    def touch(self, address: Address, stamp: Stamp) -> bool:
        named = {"owner": stamp.owner, "ip": stamp.ip, "user_agent": stamp.user_agent}
        fields: dict[str, Any] = {"used": stamp.used, "expires": min(stamp.expires, FAR)}
        fields |= {name: value for name, value in named.items() if value is not None}
        with self._cursor() as cursor:
            cursor.execute(
                f"UPDATE {RECORD} SET {', '.join(f'{name} = %s' for name in fields)}"
                f" WHERE {LIVE.replace('r.', '')}",
                [*fields.values(), address.kind, address.id, timestamp()],
            )
            return bool(cursor.rowcount > 0)

    def delete(self, address: Address) -> Info | None:
        with self._transaction() as cursor:
            try:
                pk, info = saving.locked(cursor, connections[self.alias], address)
            except SessionGone:
                return None
            remove(cursor, [pk])
            return info

    def lock(self, address: Address, token: str, age: float) -> bool:
        with self._cursor() as cursor:
            return locks.take(cursor, connections[self.alias], address, token, age)

    def unlock(self, address: Address, token: str) -> None:
        with self._cursor() as cursor:
            locks.release(cursor, address, token)

    def infos(
        self, kind: Kind, *, owner: str | None = None, after: str = "", limit: int = 100
    ) -> list[Info]:
        where, parameters = "r.kind = %s AND r.ident > %s AND r.expires > %s", [kind, after]
        extra = "" if owner is None else " AND r.owner = %s"
        with self._cursor() as cursor:
            cursor.execute(
                f"SELECT r.ident, {INFO} FROM {RECORD} r WHERE {where}{extra}"
                f" ORDER BY r.ident LIMIT {int(limit)}",
                [*parameters, timestamp(), *([] if owner is None else [owner])],
            )
            return [info_of(Address(kind, row[0]), row[1:]) for row in cursor.fetchall()]

    def purge(self, batch: int = 1000) -> int:
        records, now, purged = StateRecord.objects.using(self.alias), timestamp(), 0
        with self._cursor() as cursor:
            locks.purge(cursor)
        # In small transactions of their own, so that nobody waits long for a lock.
        expired = records.filter(expires__lte=now).values_list("pk", flat=True)
        while dead := list(expired[:batch]):
            with self._transaction() as cursor:
                remove(cursor, dead)
            purged += len(dead)
        return purged

    def ping(self) -> None:
        with self._cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {RECORD} r WHERE r.id = 0")
