"""The Django ORM: a row per record and a row per key, on any Django database."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError, router, transaction
from django.db.models import F, Q

from sessionstate.backends.base import (
    NEVER,
    Address,
    Info,
    Kind,
    Snapshot,
    Stamp,
    ThreadedBackend,
    size_of,
)
from sessionstate.clock import now
from sessionstate.errors import (
    LockTimeout,
    SessionExists,
    SessionGone,
    StateTooLarge,
    StoreUnavailable,
    VersionConflict,
)
from sessionstate.models import StateLock, StateRecord, StateValue


class Backend(ThreadedBackend):
    @property
    def alias(self) -> str:
        return router.db_for_write(StateRecord)

    def _records(self, address: Address) -> Any:
        records = StateRecord.objects.using(self.alias)
        return records.filter(_alive(), kind=address.kind, ident=address.id)

    def load(self, address: Address) -> Snapshot | None:
        with _answering():
            record = self._records(address).first()
            if record is None:
                return None
            rows = StateValue.objects.using(self.alias).filter(record=record)
            values = {key: bytes(data) for key, data in rows.values_list("key", "data")}
            return Snapshot(_info(record), values)

    def create(
        self, address: Address, values: Mapping[str, bytes], stamp: Stamp, *, limit: int
    ) -> Info:
        size = size_of(values)
        if size > limit:
            raise StateTooLarge(size, limit)
        record = StateRecord(
            kind=address.kind, ident=address.id, created=_date(stamp.used), size=size, **_row(stamp)
        )
        with _answering():
            try:
                with transaction.atomic(self.alias):
                    # An expired record of this id does not exist, and must not be in the way.
                    StateRecord.objects.using(self.alias).filter(
                        ~_alive(), kind=address.kind, ident=address.id
                    ).delete()
                    record.save(using=self.alias, force_insert=True)
                    self._write(record, values)
            except IntegrityError as error:
                raise SessionExists(f"there is a {address.kind} of this id already") from error
        return _info(record)

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
        with _answering(), transaction.atomic(self.alias):
            # The update comes first: it locks the row, so what is read below cannot change.
            alive = self._records(address).update(version=F("version") + 1, **_row(stamp))
            if not alive:
                raise SessionGone(f"this {address.kind} has ended")
            record = StateRecord.objects.using(self.alias).get(kind=address.kind, ident=address.id)
            if version is not None and version != record.version - 1:
                raise VersionConflict(version, record.version - 1)
            if token is not None and not self._hold(address, token):
                raise LockTimeout("the lock was lost before the save")
            if not changes:
                return _info(record)
            rows = StateValue.objects.using(self.alias).filter(record=record, key__in=changes)
            before = sum(len(key.encode()) + size for key, size in rows.values_list("key", "size"))
            grown = size_of(changes) - before
            record.size += grown
            if record.size > limit and grown > 0:
                raise StateTooLarge(record.size, limit)
            removed = [key for key, data in changes.items() if data is None]
            if removed:
                rows.filter(key__in=removed).delete()
            self._write(record, changes)
            if grown:
                record.save(using=self.alias, update_fields=["size"])
        return _info(record)

    def _write(self, record: StateRecord, values: Mapping[str, bytes | None]) -> None:
        StateValue.objects.using(self.alias).bulk_create(
            [
                StateValue(record=record, key=key, data=data, size=len(data))
                for key, data in values.items()
                if data is not None
            ],
            update_conflicts=True,
            unique_fields=["record", "key"],
            update_fields=["data", "size"],
            batch_size=500,
        )

    def touch(self, address: Address, stamp: Stamp) -> bool:
        with _answering():
            return bool(self._records(address).update(**_row(stamp)))

    def delete(self, address: Address) -> Info | None:
        with _answering(), transaction.atomic(self.alias):
            record = self._records(address).first()
            StateRecord.objects.using(self.alias).filter(
                kind=address.kind, ident=address.id
            ).delete()
            return _info(record) if record else None

    def _hold(self, address: Address, token: str) -> bool:
        """Whether the lock is held, and makes sure it stays so until this transaction ends:
        the write locks its row, so the next holder waits for our values to be visible."""
        held = StateLock.objects.using(self.alias).filter(
            address=str(address), token=token, until__gt=now()
        )
        return bool(held.update(token=token))

    def lock(self, address: Address, token: str, age: float) -> bool:
        until = _date(now().timestamp() + age)
        locks = StateLock.objects.using(self.alias)
        with _answering():
            held = locks.filter(address=str(address)).values_list("until", flat=True).first()
            if held is None:
                try:
                    with transaction.atomic(self.alias):
                        locks.create(address=str(address), token=token, until=until)
                except IntegrityError:
                    return False
                return True
            if held > now():  # a waiter reads, so that it is not in the holder's way
                return False
            expired = locks.filter(address=str(address), until__lte=now())
            return bool(expired.update(token=token, until=until))

    def unlock(self, address: Address, token: str) -> None:
        with _answering():
            StateLock.objects.using(self.alias).filter(address=str(address), token=token).delete()

    def infos(
        self, kind: Kind, *, owner: str | None = None, after: str = "", limit: int = 100
    ) -> list[Info]:
        with _answering():
            records = StateRecord.objects.using(self.alias).filter(
                _alive(), kind=kind, ident__gt=after
            )
            if owner is not None:
                records = records.filter(owner=owner)
            return [_info(record) for record in records.order_by("ident")[:limit]]

    def purge(self, batch: int = 1000) -> int:
        records = StateRecord.objects.using(self.alias)
        purged = 0
        with _answering():
            StateLock.objects.using(self.alias).filter(until__lte=now()).delete()
            # In small transactions of their own, so that nobody waits long for a lock.
            while dead := list(
                records.filter(expires__lte=now()).values_list("pk", flat=True)[:batch]
            ):
                records.filter(pk__in=dead).delete()
                purged += len(dead)
        return purged

    def ping(self) -> None:
        with _answering():
            StateRecord.objects.using(self.alias).only("pk").first()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise StoreUnavailable("the session database does not answer") from error


def _alive() -> Q:
    return Q(expires__isnull=True) | Q(expires__gt=now())


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _row(stamp: Stamp) -> dict[str, Any]:
    row: dict[str, Any] = {
        "used": _date(stamp.used),
        "expires": None if math.isinf(stamp.expires) else _date(stamp.expires),
    }
    named = {"owner": stamp.owner, "ip": stamp.ip, "user_agent": stamp.user_agent}
    return row | {name: value for name, value in named.items() if value is not None}


def _info(record: StateRecord) -> Info:
    return Info(
        kind=Kind(record.kind),
        id=record.ident,
        owner=record.owner,
        created=record.created.timestamp(),
        used=record.used.timestamp(),
        expires=record.expires.timestamp() if record.expires else NEVER,
        ip=record.ip,
        user_agent=record.user_agent,
        version=record.version,
        size=record.size,
    )
