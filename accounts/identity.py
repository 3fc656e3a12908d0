"""Ticket -> session -> user: who sends this request. For what runs outside Django's middleware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from sessionstate.engine import Client, SessionStore
from sessionstate.threads import in_thread
from sessionstate.tickets import BadTicket, Ticket, read_ticket

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
    user: AbstractBaseUser
    session: SessionStore
    ticket: Ticket
    key: ApiKey | None = None

    def may_open(self, slug: str) -> bool:
        """Whether the API key, if it is one, is meant for this app. What the user may open is
        another question."""
        return self.key is None or not self.key.apps or slug in self.key.apps

    @property
    def may_write(self) -> bool:
        """Whether requests with an unsafe method may pass."""
        return self.key is None or self.key.write


def identify(
    headers: Mapping[str, str],
    cookies: Mapping[str, str],
    request: HttpRequest | None = None,
) -> Identity:
    """`request` is what `SESSIONSTATE_VERIFIERS` look at; without it they refuse.

    Raises `NotAuthenticated`, and `StoreUnavailable` when nobody can tell.
    """
    try:
        ticket = read_ticket(headers, cookies)
    except BadTicket as error:
        raise NotAuthenticated("invalid", str(error)) from error
    if ticket is None:
        raise NotAuthenticated("missing")
    return identify_ticket(ticket, request=request)


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
        if session.ticket_error == "foreign":
            raise NotAuthenticated("foreign")
        if session.ticket_error == "refused":
            raise NotAuthenticated("refused")
        raise NotAuthenticated("ended" if session.ticket_error else "nobody")
    assert isinstance(user, AbstractBaseUser)
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
    """`identify` in one hop: session and user are read by one thread, one after the other."""
    return await in_thread(identify, headers, cookies, request)
