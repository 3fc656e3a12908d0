"""What a callback holds in its hand: `Session`, `UserState`, `TabState`.

One mapping class over three key spaces. Keys that begin with `_`, or as
`SESSIONSTATE_RESERVED_PREFIXES` says, belong to the framework and are neither seen nor changed
through it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Any, Self, TypeVar

from django.utils.asyncio import async_unsafe

from sessionstate.backends.base import NEVER, Address, Info, Kind, Snapshot, Stamp
from sessionstate.clock import timestamp
from sessionstate.conf import conf
from sessionstate.errors import NotStorable, SessionGone
from sessionstate.keys import is_public
from sessionstate.mapping import Values
from sessionstate.record import StoredRecord
from sessionstate.stamping import session_stamp
from sessionstate.typed import TypedKeys, typed_values

S = TypeVar("S", bound="State")


class State(TypedKeys, MutableMapping[str, Any]):
    """State that lives in the store. Changes are written by `save()`, only the changed keys.

    Reading one that is not loaded yet loads it, which blocks: on the event loop
    `await state.aload()` comes first (Django's `SynchronousOnlyOperation` says so).
    """

    def __init__(self, record: StoredRecord) -> None:
        self._record = record
        record.values = typed_values(type(self), record.values)

    @property
    def id(self) -> str:
        return self._record.address.id

    @property
    def short_id(self) -> str:
        return self.id[:8]

    @property
    def info(self) -> Info | None:
        """Created, used, expires (epoch seconds), version, size; `None` while nothing is stored."""
        return self._record.info

    @property
    def changed(self) -> bool:
        """Whether a save would write anything; sees changes inside nested values."""
        return self._record.loaded and self._record.values.changed

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes per key."""
        return {key: size for key, size in self._values.sizes().items() if is_public(key)}

    @property
    def _values(self) -> Values:
        if not self._record.loaded:
            self._load_now()
        return self._record.values

    @async_unsafe("State is not loaded yet: `await state.aload()` first.")
    def _load_now(self) -> None:
        self.load()

    def load(self) -> None:
        """Reads afresh from the store and drops unsaved changes."""
        self._record.load()

    async def aload(self) -> None:
        await self._record.aload()

    def take(self, snapshot: Snapshot) -> None:
        """The same with what somebody has just read, see `sessionstate.recent`."""
        self._record.take(snapshot)

    def save(self) -> None:
        """Writes the changed keys, all or none; nothing when nothing changed.

        Raises `SessionGone`, `StateTooLarge`, `NotStorable`, `StoreUnavailable`.
        """
        if self._record.loaded:
            self._record.save()

    async def asave(self) -> None:
        if self._record.loaded:
            await self._record.asave()

    def guard(self, check: Callable[[], None]) -> None:
        """`check` is called before everything that is written from now on, and may raise."""
        self._record.guard = check

    def seen_as(self, kind: type[S]) -> S:
        """The same state, unsaved changes included, as an object of another class of its scope.

        Raises `TypeMismatch` when a change does not fit what the class declares.
        """
        view = object.__new__(kind)
        State.__init__(view, self._record)
        return view

    def atomic(self) -> Atomic:
        """`with state.atomic():` or `async with`: reads the newest, writes at the end, and nobody
        else's `atomic()` of the same state comes between. Keep it short: it waits at most
        `SESSIONSTATE_LOCK_TIMEOUT` seconds for its turn and may hold it for `.._LOCK_AGE`.
        """
        return Atomic(self._record)

    def __getitem__(self, key: str) -> Any:
        if not is_public(key):
            raise KeyError(key)
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[_writable(key)] = value

    def __delitem__(self, key: str) -> None:
        if not is_public(key):
            raise KeyError(key)
        del self._values[key]

    def __contains__(self, key: object) -> bool:
        return is_public(key) and key in self._values

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._values if is_public(key))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        # Never the values or the whole id: reprs end up in logs and tracebacks.
        return f"<{type(self).__name__} {self.short_id}>"


class Session(State):
    """The state of one login, from sign-in to sign-out or expiry."""

    def __init__(self, session_id: str) -> None:
        address = Address(Kind.SESSION, session_id)
        super().__init__(StoredRecord(address, session_stamp, upsert=False))

    @property
    def user_id(self) -> str:
        """Whose session it is; "" for a visitor."""
        return str(self._values.get("_auth_user_id", ""))

    def load(self) -> None:
        """Raises `SessionGone` when the session was revoked or has expired."""
        self._found(self._record.load())

    async def aload(self) -> None:
        self._found(await self._record.aload())

    def _found(self, found: bool) -> None:
        if not found:
            raise SessionGone("this session has ended")


class UserState(State):
    """The state of a person, on every device, until it is deleted."""

    def __init__(self, user_id: Any) -> None:
        address = Address(Kind.USER, str(user_id))

        def stamp(values: Values, info: Info | None) -> Stamp:
            return Stamp(used=timestamp(), expires=NEVER, owner=address.id)

        super().__init__(StoredRecord(address, stamp, upsert=True))

    @classmethod
    def of_visitor(cls, session_id: str) -> Self:
        """For somebody without an account: it lasts as long as the session, and then becomes
        that of the person who signs in."""

        def stamp(values: Values, info: Info | None) -> Stamp:
            now = timestamp()
            return Stamp(used=now, expires=now + conf.absolute_age, owner=session_id)

        state = cls.__new__(cls)
        address = Address(Kind.TAB, f"{session_id}:visitor")
        State.__init__(state, StoredRecord(address, stamp, upsert=True))
        return state


class TabState(State):
    """The state of one browser tab of one page; ends with its session or when unused."""

    def __init__(self, session_id: str, session_hash: str) -> None:
        # The client chooses the hash, so it may be of any length and content.
        digest = hashlib.sha256(session_hash.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        address = Address(Kind.TAB, f"{session_id}:{digest}")

        def stamp(values: Values, info: Info | None) -> Stamp:
            now = timestamp()
            return Stamp(used=now, expires=now + conf.tab_age, owner=session_id)

        super().__init__(StoredRecord(address, stamp, upsert=True))

    @property
    def short_id(self) -> str:
        return self.id.rpartition(":")[2][:8]


class Atomic:
    """Works with `with` and with `async with`."""

    def __init__(self, record: StoredRecord) -> None:
        self._record = record
        self._sync: AbstractContextManager[None] | None = None
        self._async: AbstractAsyncContextManager[None] | None = None

    @async_unsafe("Use `async with state.atomic():` here.")
    def __enter__(self) -> None:
        self._sync = self._record.atomic()
        self._sync.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        assert self._sync is not None
        return self._sync.__exit__(kind, error, trace)

    async def __aenter__(self) -> None:
        self._async = self._record.aatomic()
        await self._async.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        assert self._async is not None
        return await self._async.__aexit__(kind, error, trace)


def _writable(key: str) -> str:
    if isinstance(key, str) and not is_public(key):
        raise NotStorable(key, "key", "keys that begin so are the framework's")
    return key
