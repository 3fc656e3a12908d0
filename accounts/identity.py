"""Ticket -> session -> user: who sends this request. For what runs outside Django's middleware."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from sessionstate.backends import get_backend
from sessionstate.engine import SessionStore
from sessionstate.recent import Reading
from sessionstate.stamping import Client
from sessionstate.threads import in_thread
from sessionstate.tickets import BadTicket, Ticket, read_ticket

from . import access
from .keys import KeyTicket

if TYPE_CHECKING:
    from .models import ApiKey

# missing: no ticket was sent; invalid: it is broken or expired; ended: its session is gone;
# foreign: its session is somebody else's; refused: a verifier of the site said no; nobody: a
# visitor's session, or the user was disabled or has a new password since.
Code = Literal["missing", "invalid", "ended", "foreign", "refused", "nobody"]


class NotAuthenticated(Exception):
    def __init__(self, code: Code, message: str = "Not authenticated") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Identity:
    # Django's AnonymousUser when it comes from `accounts.visitors`.
    user: AbstractBaseUser
    session: SessionStore
    ticket: Ticket
    key: ApiKey | None = None
    # Their names, where they are known without asking the database.
    groups: frozenset[str] | None = None
    # What the session was found to be, where it was read for this request alone.
    reading: Reading | None = None

    def may_open(self, slug: str) -> bool:
        """Whether the API key, if it is one, is meant for this app. What the user may open is
        another question."""
        return self.key is None or not self.key.apps or slug in self.key.apps

    @property
    def may_write(self) -> bool:
        """Whether requests with an unsafe method may pass."""
        return self.key is None or self.key.write


def _read(headers: Mapping[str, str], cookies: Mapping[str, str]) -> Ticket:
    try:
        ticket = read_ticket(headers, cookies)
    except BadTicket as error:
        raise NotAuthenticated("invalid", str(error)) from error
    if ticket is None:
        raise NotAuthenticated("missing")
    return ticket


class _FixedId(SessionStore):
    def cycle_key(self) -> None:
        """After a change of SECRET_KEY Django gives each session that it meets a new id, and a
        cookie to go with it. A program cannot be told, and its tokens name the old one."""


def identify_ticket(
    ticket: Ticket, client: Client | None = None, request: HttpRequest | None = None
) -> Identity:
    """`client` is noted as the last user of the session when that is saved."""
    if isinstance(ticket, KeyTicket):
        return _identify_program(ticket, client, request)
    session = _FixedId.for_ticket(ticket, client, request)
    asking = HttpRequest()
    asking.session = session
    # Django's own rules: the backend may refuse (disabled), the hash may be of an old password.
    user = get_user(asking)
    if not user.is_authenticated:
        raise NotAuthenticated(_code(session))
    assert isinstance(user, AbstractBaseUser)
    user.backend = session[BACKEND_SESSION_KEY]  # as after a login
    if session.modified:  # the hash of the password, made anew with the new SECRET_KEY
        session.save()
        session.modified = False
    return Identity(user, session, ticket)


def _identify_program(
    ticket: KeyTicket, client: Client | None, request: HttpRequest | None
) -> Identity:
    from .programs import identify_key  # has models, which this module's importers may precede

    found = identify_key(ticket, client, request)
    if found is None:
        raise NotAuthenticated("invalid")
    user, session, key = found
    return Identity(user, session, session.ticket or ticket, key)


async def aidentify(
    headers: Mapping[str, str],
    cookies: Mapping[str, str],
    request: HttpRequest | None = None,
) -> Identity:
    """Who sends a request, without a query for a user that this process knows: see
    `accounts.access`. The session is read each time. `request` is what `SESSIONSTATE_VERIFIERS`
    look at; without it they refuse.

    Raises `NotAuthenticated`, and `StoreUnavailable` when nobody can tell.
    """
    ticket = _read(headers, cookies)
    if isinstance(ticket, KeyTicket) or not ticket.binds_user:
        return await in_thread(identify_ticket, ticket, None, request)
    if ticket.user_id is None:
        raise NotAuthenticated("nobody")
    session = _FixedId.for_ticket(ticket, None, request)
    wanted = [session.address, *access.addresses(ticket.user_id)]
    began = time.monotonic()
    found, *marks = await get_backend().aload_many(wanted)
    await session.atake(found)
    if session.ticket_error:
        raise NotAuthenticated(_code(session))
    known = await _access(session, access.marks(marks))
    if known is None:
        return await in_thread(identify_ticket, ticket, None, request)
    user = known.user()
    user.backend = session[BACKEND_SESSION_KEY]  # as after a login
    reading = Reading.of(found, began)
    return Identity(user, session, ticket, groups=known.groups, reading=reading)


async def _access(session: SessionStore, marks: access.Marks) -> access.Access | None:
    """`None` when it takes Django's own `get_user` to decide."""
    user_id, backend = session[SESSION_KEY], session.get(BACKEND_SESSION_KEY)
    if backend not in settings.AUTHENTICATION_BACKENDS:
        return None
    found = access.known(user_id, backend, marks)
    if found is None:
        found = await in_thread(access.read, user_id, backend, marks)
    # The hash may be of an old password, or of an old SECRET_KEY.
    proof = session.get(HASH_SESSION_KEY, "")
    return found if found and constant_time_compare(proof, found.auth_hash) else None


def _code(session: SessionStore) -> Code:
    match session.ticket_error:
        case "":
            return "nobody"
        case "foreign" | "refused" as code:
            return code
    return "ended"
