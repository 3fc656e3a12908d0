"""Live sessions in the form that Django's changelist works on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from types import SimpleNamespace
from typing import Any

from django.core.exceptions import FieldError

from sessionstate import logins, people
from sessionstate.handles import SHORT, handle_of
from sessionstate.logins import Login
from sessionstate.models import LiveSession

# What one page load reads at most: the registry is sorted by id, so to show the last used first
# means to read all. With more sessions than this the page says so, and filters by user still find
# everything, since those are read by owner.
MOST = 10_000


def shown(login: Login, name: str, own_id: str | None) -> LiveSession:
    session = LiveSession(handle=handle_of(login.id))
    session.login, session.user_name, session.own = login, name, login.id == own_id
    return session


@dataclass(frozen=True)
class _Reading:
    """What is read from the store, once; `owner` as in `logins.each`."""

    owner: str | None = None

    @cached_property
    def _read(self) -> list[Login]:
        return list(islice(logins.each(self.owner), MOST + 1))

    @property
    def logins(self) -> list[Login]:
        return self._read[:MOST]

    @property
    def complete(self) -> bool:
        return len(self._read) <= MOST


@dataclass(frozen=True)
class Listing:
    """As much of a QuerySet as the admin asks for, over the registry of logins, which is the same
    on every backend. It yields `LiveSession` objects."""

    own_id: str | None = None
    reading: _Reading = field(default_factory=_Reading)
    more: tuple[Login, ...] = ()
    tests: tuple[Callable[[Login], bool], ...] = ()
    order: tuple[str, ...] = ()

    model = LiveSession
    ordered = True
    query = SimpleNamespace(select_related=True, order_by=())

    # What we ask of it.

    def of(self, user_id: str) -> Listing:
        """Those of one user."""
        return replace(self, reading=_Reading(user_id))

    def anonymous(self) -> Listing:
        return self.of("") if self.reading.owner is None else self.where(lambda one: not one.user)

    def signed_in(self) -> Listing:
        return self.where(lambda login: bool(login.user))

    def where(self, test: Callable[[Login], bool]) -> Listing:
        return replace(self, tests=(*self.tests, test))

    def search(self, term: str) -> Listing:
        """Those whose user's name or address contains the term, or whose id begins with it."""
        term = term.strip().lower()
        if not term:
            return self
        found = people.named_like(term)

        def fits(login: Login) -> bool:
            by_id = len(term) >= SHORT and login.id.startswith(term)
            return login.user in found or term in login.ip.lower() or by_id

        more: tuple[Login, ...] = ()
        if not self.reading.complete:
            more = tuple(islice((each for user in found for each in logins.each(user)), MOST))
        return replace(self.where(fits), more=more)

    @property
    def complete(self) -> bool:
        return self.reading.complete

    @cached_property
    def logins(self) -> list[Login]:
        read = {login.id: login for login in (*self.reading.logins, *self.more)}
        found = [login for login in read.values() if all(test(login) for test in self.tests)]
        for name in reversed(self.order):
            key = name.lstrip("-")
            found.sort(key=lambda login: getattr(login, key), reverse=name.startswith("-"))
        return found

    # What the changelist asks of it.

    def filter(self, *conditions: Any, pk__in: Iterable[str] | None = None) -> Listing:
        """By the handles that were ticked; conditions come from unknown query parameters."""
        if any(conditions):
            raise FieldError("sessions are filtered by user and state only")
        if pk__in is None:
            return self
        handles = set(pk__in)
        prefixes = {handle[:SHORT] for handle in handles}
        return self.where(
            lambda login: login.short_id in prefixes and handle_of(login.id) in handles
        )

    def order_by(self, *names: str) -> Listing:
        return replace(self, order=tuple(name.replace("pk", "id") for name in names))

    def _clone(self) -> Listing:
        return self

    def count(self) -> int:
        return len(self.logins)

    def __len__(self) -> int:
        return len(self.logins)

    def __iter__(self) -> Iterator[LiveSession]:
        return iter(self[:])

    def __getitem__(self, part: slice) -> list[LiveSession]:
        page = self.logins[part]
        name = people.names(login.user for login in page)
        return [shown(login, name[login.user], self.own_id) for login in page]
