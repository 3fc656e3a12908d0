"""`SESSION_ENGINE = "sessionstate.engine"`: Django's session API on our per-key records.

Views, the admin and third-party apps get unmodified Django semantics; underneath, a save writes
the changed keys only, and a change inside a nested value is seen without `modified = True`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import SESSION_KEY as AUTH_KEY
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.utils.crypto import get_random_string

from sessionstate import logins
from sessionstate.backends import get_backend
from sessionstate.backends.base import Address, Info, Kind, Snapshot, Stamp
from sessionstate.conf import conf
from sessionstate.errors import SessionExists, SessionGone
from sessionstate.limit import keep_newest
from sessionstate.mapping import Values
from sessionstate.record import StoredRecord
from sessionstate.recorded import RecordedSession
from sessionstate.stamping import Client, session_stamp
from sessionstate.threads import in_thread
from sessionstate.tickets import Ticket
from sessionstate.verification import aaccepted, accepted

if TYPE_CHECKING:
    from django.http import HttpRequest


class SessionStore(RecordedSession):
    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self.ticket: Ticket | None = None
        self.ticket_error = ""
        self.client: Client | None = None
        self._request: HttpRequest | None = None

    @classmethod
    def for_ticket(
        cls,
        ticket: Ticket | None,
        client: Client | None = None,
        request: HttpRequest | None = None,
    ) -> SessionStore:
        """The session that a request's ticket names; a foreign or dead ticket gives an empty one,
        and `ticket_error` says why once it has been loaded. `request` is for the verifiers, which
        refuse without it."""
        store = cls(ticket.session_id if ticket else None)
        store.ticket = ticket
        store.client = client
        if conf.verifiers:
            store._request = request
        return store

    def _stamp(self, values: Values, info: Info | None) -> Stamp:
        return session_stamp(values, info, self.client)

    def _at(self, key: str, values: Values | None = None) -> StoredRecord:
        return StoredRecord(_address(key), self._stamp, upsert=False, values=values)

    def _loaded(self, record: StoredRecord, found: bool) -> Values:
        reason = "" if found else "ended"
        if found and self.ticket and self.ticket.binds_user:
            owner = record.values.get(AUTH_KEY)
            if (str(owner) if owner is not None else None) != self.ticket.user_id:
                reason = "foreign"
        if reason:
            return self._nothing(reason)
        self._record = record
        return record.values

    def _nothing(self, reason: str) -> Values:
        self.ticket_error = reason if self.ticket else ""
        self._session_key = None
        self._record = None
        return Values()

    def load(self) -> Values:  # type: ignore[override]  # a mapping, as the base class uses it
        if not self.session_key:
            return Values()
        record = self._at(self.session_key)
        return self._loaded(record, record.load())

    async def aload(self) -> Values:  # type: ignore[override]
        if not self.session_key:
            return Values()
        record = self._at(self.session_key)
        return self._loaded(record, await record.aload())

    @property
    def address(self) -> Address:
        return _address(self.session_key)

    async def atake(self, snapshot: Snapshot | None) -> None:
        """The session as somebody has just loaded it, together with other records."""
        self.accessed = True
        record = self._at(self.session_key or "")
        self._session_cache = self._loaded(record, record.take(snapshot))
        if self._to_verify and not await aaccepted(self, self._request):
            self._session_cache = self._nothing("refused")

    def _get_session(self, no_load: bool = False) -> Values:
        self.accessed = True
        if "_session_cache" not in self.__dict__:
            self._session_cache = Values() if no_load else self.load()
            if self._to_verify and not accepted(self, self._request):
                self._session_cache = self._nothing("refused")
        return self._session_cache

    async def _aget_session(self, no_load: bool = False) -> Values:
        self.accessed = True
        if "_session_cache" not in self.__dict__:
            self._session_cache = Values() if no_load else await self.aload()
            if self._to_verify and not await aaccepted(self, self._request):
                self._session_cache = self._nothing("refused")
        return self._session_cache

    @property
    def _to_verify(self) -> bool:
        """A session that a ticket has just opened."""
        return bool(conf.verifiers) and self.ticket is not None and self._record is not None

    _session = property(_get_session)

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes per key, as stored."""
        return self._get_session().sizes()

    def exists(self, session_key: str | None) -> bool:
        return bool(session_key) and get_backend().load(_address(session_key)) is not None

    async def aexists(self, session_key: str | None) -> bool:
        return bool(session_key) and await get_backend().aload(_address(session_key)) is not None

    def create(self) -> None:
        values = self._get_session(no_load=True)
        while True:
            self._session_key = new_key()
            record = self._at(self._session_key, values)
            try:
                record.create()
            except SessionExists:
                continue
            self._record, self.modified = record, True
            return

    def create_as(self, session_key: str) -> None:
        """Under an id that was given out beforehand. Raises `SessionExists`."""
        record = self._at(session_key, self._get_session(no_load=True))
        record.create()
        self._session_key, self._record, self.modified = session_key, record, True

    async def acreate(self) -> None:
        values = await self._aget_session(no_load=True)
        while True:
            self._session_key = new_key()
            record = self._at(self._session_key, values)
            try:
                await record.acreate()
            except SessionExists:
                continue
            self._record, self.modified = record, True
            return

    def save(self, must_create: bool = False) -> None:
        before = self._owner
        self._save(must_create)
        if self._owner != before and conf.max_per_user:  # somebody has signed in
            keep_newest(self._owner)

    async def asave(self, must_create: bool = False) -> None:
        before = self._owner
        await self._asave(must_create)
        if self._owner != before and conf.max_per_user:
            await in_thread(keep_newest, self._owner)

    @property
    def _owner(self) -> str:
        """As the store knows it."""
        return self.info.owner if self.info else ""

    def _save(self, must_create: bool = False) -> None:
        if self.session_key is None:
            return self.create()
        values = self._get_session(no_load=must_create)
        if must_create:
            self._record = self._at(self.session_key, values)
            return self._record.create()
        if self._record is None:  # it ended between the two; a save must not bring it back
            raise SessionGone("this session has ended")
        if not self._record.save() and not self._record.touch():
            raise SessionGone("this session has ended")

    async def _asave(self, must_create: bool = False) -> None:
        if self.session_key is None:
            return await self.acreate()
        values = await self._aget_session(no_load=must_create)
        if must_create:
            self._record = self._at(self.session_key, values)
            return await self._record.acreate()
        if self._record is None:
            raise SessionGone("this session has ended")
        if not await self._record.asave() and not await self._record.atouch():
            raise SessionGone("this session has ended")

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            logins.end(key)

    async def adelete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            await logins.aend(key)

    def clear(self) -> None:
        self._get_session().clear()
        self.modified = True

    def flush(self) -> None:
        self.delete()
        self._forget()

    async def aflush(self) -> None:
        await self.adelete()
        self._forget()

    def _forget(self) -> None:
        self._session_cache, self._record = Values(), None
        self._session_key = None
        self.accessed = self.modified = True

    def cycle_key(self) -> None:
        self._get_session()
        old, self.client = self.session_key, self.client or self._last_client()
        self.create()
        if old:
            logins.move(old, self.session_key or "")
            self.delete(old)

    async def acycle_key(self) -> None:
        await self._aget_session()
        old, self.client = self.session_key, self.client or self._last_client()
        await self.acreate()
        if old:
            await in_thread(logins.move, old, self.session_key or "")
            await self.adelete(old)

    def _last_client(self) -> Client | None:
        return Client(self.info.ip, self.info.user_agent) if self.info else None

    @classmethod
    def clear_expired(cls) -> None:
        get_backend().purge()

    @classmethod
    async def aclear_expired(cls) -> None:
        await get_backend().apurge()


def _address(session_key: str | None) -> Address:
    return Address(Kind.SESSION, session_key or "")


def new_key() -> str:
    return get_random_string(32, VALID_KEY_CHARS)
