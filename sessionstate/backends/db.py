"""Any Django database: a row per record and a row per key.

Plain SQL where every request passes; composing the same statements through the ORM took three
times as long as running them.
"""

from __future__ import annotations

import threading
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
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from sessionstate.backends import postgresql
from sessionstate.backends.base import (
    Address,
    Info,
    Kind,
    Snapshot,
    Stamp,
    size_of,
)
from sessionstate.backends.grouped import GroupedSaves, Save, Saved
from sessionstate.backends.sql import (
    FAR,
    INFO,
    LIVE,
    LOCK,
    RECORD,
    VALUE,
    info_of,
    insert,
    remove,
    sizes,
    write,
)
from sessionstate.backends.threaded import ThreadedBackend
from sessionstate.clock import timestamp
from sessionstate.conf import conf
from sessionstate.errors import (
    LockTimeout,
    SessionExists,
    SessionGone,
    StateError,
    StateTooLarge,
    StoreUnavailable,
    VersionConflict,
)
from sessionstate.models import StateRecord

_sqlite_writer = threading.Lock()
_ADDRESSES = 100  # in one statement


class Backend(ThreadedBackend):
    def __init__(self) -> None:
        super().__init__()
        self._grouped = GroupedSaves(self._save_all)

    @property
    def alias(self) -> str:
        return router.db_for_write(StateRecord)

    @contextmanager
    def _cursor(self) -> Iterator[CursorWrapper]:
        try:
            with connections[self.alias].cursor() as cursor:
                yield cursor
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable("the session database does not answer") from error

    @contextmanager
    def _transaction(self) -> Iterator[CursorWrapper]:
        connection = connections[self.alias]
        # SQLite has one writer at a time and lets the others poll, unfairly: with many threads
        # some would starve. So those of this process queue here. Inside somebody's transaction
        # the turn is ours already, and waiting for another thread would be a deadlock.
        queue = connection.vendor == "sqlite" and not connection.in_atomic_block
        try:
            with (
                _sqlite_writer if queue else nullcontext(),
                transaction.atomic(self.alias),
                connection.cursor() as cursor,
            ):
                yield cursor
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable("the session database does not answer") from error

    def load(self, address: Address) -> Snapshot | None:
        with self._cursor() as cursor:
            cursor.execute(
                f"SELECT {INFO}, v.name, v.data FROM {RECORD} r"
                f" LEFT JOIN {VALUE} v ON v.record_id = r.id WHERE {LIVE}",
                [address.kind, address.id, timestamp()],
            )
            rows = cursor.fetchall()
        return _snapshot(address, rows)

    def load_many(self, addresses: Sequence[Address]) -> list[Snapshot | None]:
        found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        for start in range(0, len(addresses), _ADDRESSES):
            chunk = addresses[start : start + _ADDRESSES]
            anyone = " OR ".join(["(r.kind = %s AND r.ident = %s)"] * len(chunk))
            named = [part for address in chunk for part in (address.kind, address.id)]
            with self._cursor() as cursor:
                cursor.execute(
                    f"SELECT r.kind, r.ident, {INFO}, v.name, v.data FROM {RECORD} r"
                    f" LEFT JOIN {VALUE} v ON v.record_id = r.id"
                    f" WHERE ({anyone}) AND r.expires > %s",
                    [*named, timestamp()],
                )
                for row in cursor.fetchall():
                    found.setdefault(row[:2], []).append(row[2:])
        return [_snapshot(address, found.get((address.kind, address.id))) for address in addresses]

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
        with self._transaction() as cursor:
            return self._save(cursor, address, changes, stamp, limit, token, version)

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
        if conf.threads == 0 or not self._has_one_writer:
            return await super().asave(
                address, changes, stamp, limit=limit, token=token, version=version
            )
        return await self._grouped.save((address, changes, stamp, limit, token, version))

    @property
    def _has_one_writer(self) -> bool:
        # Not by its connection: each task of an event loop would make one.
        return str(connections.settings[self.alias]["ENGINE"]).endswith(".sqlite3")

    def _save_all(self, saves: Sequence[Save]) -> list[Saved]:
        """In one transaction, and yet each for itself: who is refused has written nothing."""
        saved: list[Saved] = []
        with self._transaction() as cursor:
            for save in saves:
                try:
                    saved.append(self._save(cursor, *save))
                except StateError as error:
                    saved.append(error)
        return saved

    def _save(
        self,
        cursor: CursorWrapper,
        address: Address,
        changes: Mapping[str, bytes | None],
        stamp: Stamp,
        limit: int,
        token: str | None,
        version: int | None,
    ) -> Info:
        """In a transaction, which must be undone when this raises; but not on SQLite."""
        connection = connections[self.alias]
        pk, old = self._locked(cursor, connection, address)
        if version is not None and version != old.version:
            raise VersionConflict(version, old.version)
        if token is not None and not self._hold(cursor, address, token):
            raise LockTimeout("the lock was lost before the save")
        if connection.vendor == "postgresql":
            size = old.size + postgresql.change(cursor, pk, changes)
            _check(size, old.size, limit)
        else:
            before = sizes(cursor, pk, changes)
            size = old.size + size_of(changes) - sum(before.values())
            _check(size, old.size, limit)
            write(cursor, pk, changes, before)
        new = old.saved(stamp, size)
        cursor.execute(
            f"UPDATE {RECORD} SET owner = %s, used = %s, expires = %s, ip = %s,"
            " user_agent = %s, version = %s, size = %s WHERE id = %s",
            (new.owner, new.used, min(new.expires, FAR), new.ip, new.user_agent)
            + (new.version, new.size, pk),
        )
        return new

    def _locked(
        self, cursor: CursorWrapper, connection: BaseDatabaseWrapper, address: Address
    ) -> tuple[int, Info]:
        """The record's row, locked until the transaction ends, so what is read after cannot
        change. (On SQLite the transaction itself is the lock.)"""
        lock = connection.ops.for_update_sql() if connection.features.has_select_for_update else ""
        cursor.execute(
            f"SELECT r.id, {INFO} FROM {RECORD} r WHERE {LIVE} {lock}",
            [address.kind, address.id, timestamp()],
        )
        if (row := cursor.fetchone()) is None:
            raise SessionGone(f"this {address.kind} has ended")
        return row[0], info_of(address, row[1:])

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
                pk, info = self._locked(cursor, connections[self.alias], address)
            except SessionGone:
                return None
            remove(cursor, [pk])
            return info

    def _hold(self, cursor: CursorWrapper, address: Address, token: str) -> bool:
        """Whether the lock is held, and makes sure it stays so until this transaction ends:
        the write locks its row, so the next holder waits for our values to be visible."""
        cursor.execute(
            f"UPDATE {LOCK} SET token = token WHERE address = %s AND token = %s AND until > %s",
            [str(address), token, timestamp()],
        )
        return bool(cursor.rowcount > 0)

    def lock(self, address: Address, token: str, age: float) -> bool:
        name, now = str(address), timestamp()
        with self._cursor() as cursor:
            cursor.execute(f"SELECT until FROM {LOCK} WHERE address = %s", [name])
            held = cursor.fetchone()
            if held is None:
                return self._insert_lock(cursor, [name, token, now + age])
            if held[0] > now:  # a waiter only reads, so that it is not in the holder's way
                return False
            cursor.execute(
                f"UPDATE {LOCK} SET token = %s, until = %s WHERE address = %s AND until <= %s",
                [token, now + age, name, now],
            )
            return bool(cursor.rowcount > 0)

    def _insert_lock(self, cursor: CursorWrapper, row: list[str | float]) -> bool:
        outer = connections[self.alias].in_atomic_block  # which a failed statement would spoil
        try:
            with transaction.atomic(self.alias) if outer else nullcontext():
                cursor.execute(
                    f"INSERT INTO {LOCK} (address, token, until) VALUES (%s, %s, %s)", row
                )
        except IntegrityError:  # somebody was faster
            return False
        return True

    def unlock(self, address: Address, token: str) -> None:
        with self._cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {LOCK} WHERE address = %s AND token = %s", [str(address), token]
            )

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
            cursor.execute(f"DELETE FROM {LOCK} WHERE until <= %s", [now])
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


def _check(size: int, before: int, limit: int) -> None:
    if size > limit and size > before:
        raise StateTooLarge(size, limit)


def _snapshot(address: Address, rows: Sequence[tuple[Any, ...]] | None) -> Snapshot | None:
    """From rows of `INFO` and a name and its data, which are null in a record without values."""
    if not rows:
        return None
    values = {row[-2]: bytes(row[-1]) for row in rows if row[-2] is not None}
    return Snapshot(info_of(address, rows[0][:-2]), values)
