"""What somebody may do, without asking the database each time.

A process keeps what it has read of a user, and the marks under which it has read it (see
`sessionstate.revisions`): the user's own, and that of everybody. Each request reads both marks
from the session store together with its session, in one round trip, and a copy counts only while
they are the same. They change when `accounts.changes` sees a change committed, before the call
that made it returns. What it cannot see, and a mark that got lost, counts once the copy is
`ACCOUNTS_REREAD_AFTER` seconds old.

Nothing of a user is written to the store, and nothing that is read inside a transaction is kept.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import load_backend
from django.contrib.auth.models import AbstractBaseUser
from django.core.signals import setting_changed
from django.db import DEFAULT_DB_ALIAS, connections
from django.db import Error as DatabaseError

from sessionstate import revisions
from sessionstate.backends.base import Address, Snapshot
from sessionstate.errors import StoreUnavailable

from .conf import conf

logger = logging.getLogger(__name__)

Marks = tuple[bytes, ...]

# Copies that a process keeps at most: some KB each.
MOST = 10_000

# They are read when somebody asks, from the database.
_LEFT_OUT = {"password", "last_login"}


@dataclass(frozen=True, slots=True)
class Access:
    """A user as of one moment. `auth_hash` is what Django compares with the session's."""

    model: type[AbstractBaseUser]
    database: str | None
    fields: tuple[str, ...]
    values: tuple[Any, ...]
    groups: frozenset[str]
    auth_hash: str

    def user(self) -> AbstractBaseUser:
        """A new object; nobody else changes it. It reads the password and the last login from
        the database, and does not write them when it is saved."""
        return self.model.from_db(self.database, self.fields, self.values)


@dataclass(frozen=True, slots=True)
class _Copy:
    marks: Marks
    read: float
    access: Access


_copies: dict[tuple[str, str], _Copy] = {}


def addresses(user_id: str) -> list[Address]:
    """Of the marks, to be loaded before the user is read."""
    return [revisions.address(_name(user_id)), revisions.address(_name(None))]


def marks(snapshots: Sequence[Snapshot | None]) -> Marks:
    return tuple(map(revisions.mark, snapshots))


def known(user_id: str, backend: str, marks: Marks) -> Access | None:
    """What this process has read of the user, if it still counts. Asks nobody."""
    copy = _copies.get((user_id, backend))
    if copy is None or copy.marks != marks or time.monotonic() - copy.read >= conf.reread_after:
        return None
    return copy.access


def read(user_id: str, backend: str, marks: Marks) -> Access | None:
    """Asks the database; `None` when the user is gone or may not sign in. `backend` is the
    authentication backend that signed the user in."""
    began = time.monotonic()
    user = load_backend(backend).get_user(user_id)
    if user is None:
        _copies.pop((user_id, backend), None)
        return None
    fields = tuple(
        field.attname for field in user._meta.concrete_fields if field.name not in _LEFT_OUT
    )
    access = Access(
        model=type(user),
        database=user._state.db,
        fields=fields,
        values=tuple(getattr(user, name) for name in fields),
        groups=frozenset(user.groups.values_list("name", flat=True)),
        auth_hash=user.get_session_auth_hash(),
    )
    if not connections[user._state.db or DEFAULT_DB_ALIAS].in_atomic_block:
        if len(_copies) >= MOST:
            _copies.clear()
        _copies[user_id, backend] = _Copy(marks, began, access)
    return access


def changed(user_id: str | None) -> None:
    """No copy of this user counts any longer, on no process; `None`: of no user."""
    try:
        revisions.change(_name(user_id))
    except (StoreUnavailable, DatabaseError) as error:
        logger.error(
            "A change of access counts in %s seconds only: %s", f"{conf.reread_after:g}", error
        )


def _name(user_id: str | None) -> str:
    return "access" if user_id is None else f"access:{user_id}"


def _forget(*, setting: str, **_: object) -> None:
    # SECRET_KEY is in `auth_hash`; the store that has the marks may be another one.
    _copies.clear()


setting_changed.connect(_forget)
