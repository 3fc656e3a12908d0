"""Revocations that the store could not take: kept in the database until it takes them.

A store that was down comes back with what it held before, revoked sessions included. So a
revocation that fails is written to a table, and no process serves from the store again before it
has applied what is in there. Asking the database on every request would cost more than the store
does; each process asks only when it may have missed an outage:

- before its first answer, after any failure, and after every new connection;
- when it has had no answer for `PATIENCE`, or one that took longer than `SLOW`. A call fails by
  silence only after `ANSWER`, so an outage that made a revocation fail is longer than the two
  together, and every process that asked meanwhile has noticed it;
- in growing steps after that: a revocation may reach the table just after the store came back.
  The last step is a minute, for a revoker that alone had lost the way to the store.

In doubt it asks twice. Before the store, for what is pending already; and after the store's
answer, since only then is it known that the outage was over. Whoever was to get an answer that is
older than something found there is refused.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

from django.db import Error, connections, router
from django.db.models import QuerySet

from sessionstate.backends.base import OWNED, Address, Info, Kind
from sessionstate.clock import timestamp
from sessionstate.conf import conf
from sessionstate.errors import RevocationPending, StoreUnavailable
from sessionstate.models import PendingRevocation
from sessionstate.signals import session_revoked
from sessionstate.threads import in_thread

# Fractions of SESSIONSTATE_STORE_TIMEOUT. A client waits for `ANSWER`; the rest of the time is
# for the table, and for whoever turns the error into a response.
ANSWER, PATIENCE, SLOW = 0.75, 0.5, 0.25
# Seconds between two looks at the table, doubled each time.
_FIRST_STEP, _LAST_STEP = 0.05, 60.0

R = TypeVar("R")


class Store(Protocol):
    """What is needed of the backend that is watched."""

    def delete(self, address: Address) -> Info | None: ...
    def infos(
        self, kind: Kind, *, owner: str | None = None, after: str = "", limit: int = 100
    ) -> list[Info]: ...


class Watch:
    """One for each backend object, which wraps every call of its store in `serving`. What is too
    coarse there can be done by the steps: when `due`, `settle`; ask; `answered`, or `doubt` when
    it failed; when it was due, `settle` again, and `check`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._count = itertools.count(1)
        self._doubts = next(self._count)  # changes with each reason to look
        self._settled = 0  # the value of `_doubts` that was settled last
        self._doubted = time.monotonic()
        # Times: of the last answer; the last look, its failure, what it found, and the next one.
        self._answered = self._looked = self._failed = self._found = self._next = float("-inf")
        self._step = _FIRST_STEP
        self._turn = threading.Lock()
        self._settler: int | None = None

    @contextmanager
    def serving(self) -> Iterator[None]:
        in_doubt = self.due()
        if in_doubt:
            self.settle()
        asked = time.monotonic()
        try:
            yield
        except StoreUnavailable:
            self.doubt()
            raise
        self.answered(asked)
        if in_doubt:
            self.settle()
            self.check(asked)

    def doubt(self) -> None:
        """The store failed, or a new connection was made."""
        self._doubted = time.monotonic()
        self._doubts = next(self._count)

    def answered(self, asked: float) -> None:
        """The store answered to what it was asked at that (monotonic) time."""
        if time.monotonic() - asked > SLOW * conf.store_timeout:
            self.doubt()
        self._answered = time.monotonic()

    def check(self, asked: float) -> None:
        """Raises `StoreUnavailable` when an answer from that time may be of a revoked session."""
        if self._found >= asked:
            raise StoreUnavailable("the store has just come back with what was revoked meanwhile")

    def due(self) -> bool:
        """Whether the table comes before the store. Not so for the thread that settles."""
        now = time.monotonic()
        return (
            self._missed_something(now) or now >= self._next
        ) and self._settler != threading.get_ident()

    def _missed_something(self, now: float) -> bool:
        silent = now - self._answered > PATIENCE * conf.store_timeout
        return silent or self._doubts != self._settled

    def settle(self, began: float | None = None, *, now: float | None = None) -> None:
        """Applies what is pending. Raises `StoreUnavailable` when that cannot be done, or when the
        table cannot be read: then nobody knows whom to refuse.

        One thread looks for all that came here before it did. When it fails it fails for all whose
        business `began` before, so that they do not wait for the store one after the other.
        """
        now = time.monotonic() if now is None else now
        with self._turn:
            if self._failed >= (now if began is None else began):
                raise StoreUnavailable("the store does not answer")
            if self._looked < now:
                self._look()

    async def asettle(self, began: float | None = None) -> None:
        await in_thread(self.settle, began, now=time.monotonic())

    def _look(self) -> None:
        looked, doubts = time.monotonic(), self._doubts
        # Answered since: whatever there was is over, and what it left behind is in the table.
        over = self._answered >= self._doubted
        self._settler = threading.get_ident()
        try:
            for row in _in_database(lambda: list(_rows().order_by("pk"))):
                self._apply(row)
                self._found = time.monotonic()
        except StoreUnavailable:
            self.doubt()
            self._failed = time.monotonic()
            raise
        finally:
            self._settler = None
        self._looked = looked
        if self._missed_something(looked):
            self._step = _FIRST_STEP
        elif looked >= self._next:
            self._step = min(self._step * 2, _LAST_STEP)
        self._next = looked + self._step
        if over:
            self._settled = doubts

    def _apply(self, row: PendingRevocation) -> None:
        ended: list[tuple[str, str]]
        if row.kind == Kind.REVISION:
            from sessionstate.revisions import set_mark  # which needs the backends, and they us

            set_mark(row.ident)
            ended = []
        elif row.kind == Kind.SESSION:
            ended = [self._end(row.ident)]
        else:
            ended = [self._end(info.id) for info in self._opened_before(row)]
        _in_database(lambda: _rows().filter(pk=row.pk).delete())
        for session_id, owner in ended:
            # To all listeners, whatever one of them raises: the store waits for us.
            session_revoked.send_robust(Watch, session_id=session_id, user_id=owner)

    def _opened_before(self, row: PendingRevocation) -> list[Info]:
        found, after = [], ""
        while infos := self._store.infos(Kind.SESSION, owner=row.ident, after=after, limit=500):
            found += [i for i in infos if i.created <= row.at and i.id != row.spared]
            after = infos[-1].id
        return found

    def _end(self, session_id: str) -> tuple[str, str]:
        info = self._store.delete(Address(Kind.SESSION, session_id))
        for kind in OWNED:
            while records := self._store.infos(kind, owner=session_id, limit=500):
                for record in records:
                    self._store.delete(Address(kind, record.id))
        return session_id, info.owner if info else ""

    @contextmanager
    def revoking(self, address: Address) -> Iterator[None]:
        """Around a delete: `serving`, and what fails is left pending."""
        try:
            with self.serving():
                yield
        except StoreUnavailable as error:
            self.leave(address, error)
            raise

    def leave(self, address: Address, error: StoreUnavailable) -> None:
        """Leaves the end of a session pending, and raises `RevocationPending` from `error`.

        Returns for other kinds: their ids are used again, so they cannot be deleted afterwards.
        """
        if address.kind is Kind.SESSION and self._settler != threading.get_ident():
            self._write(Kind.SESSION, address.id)
            raise RevocationPending(_PENDING) from error

    def leave_user(self, user_id: str, spared: str | None, error: StoreUnavailable) -> None:
        """The same for all sessions that the user has now, except `spared`."""
        self._write(Kind.USER, user_id, spared or "")
        raise RevocationPending(_PENDING) from error

    def leave_change(self, name: str) -> None:
        """What `sessionstate.revisions` could not note."""
        self._write(Kind.REVISION, name)

    def _write(self, kind: Kind, ident: str, spared: str = "") -> None:
        self.doubt()
        _in_database(lambda: _rows().create(kind=kind, ident=ident, spared=spared, at=timestamp()))


_PENDING = "the store does not answer; the revocation takes effect before it is used again"


def _rows() -> QuerySet[PendingRevocation]:
    return PendingRevocation.objects.using(router.db_for_write(PendingRevocation))


def _in_database(work: Callable[[], R]) -> R:
    """Inside somebody's transaction, in a connection of its own: what is written must survive
    their rollback, and what is read must be newer than their snapshot."""

    def apart() -> R:
        try:
            return work()
        finally:
            connections[alias].close()

    alias = router.db_for_write(PendingRevocation)
    try:
        if not connections[alias].in_atomic_block:
            return work()
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(apart).result()
    except Error as error:
        raise StoreUnavailable("the table of pending revocations cannot be reached") from error
