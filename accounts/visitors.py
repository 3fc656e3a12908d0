"""People without an account, where they are welcome: in apps with `public=True`.

Whoever opens a page is given an invitation: a ticket whose session is not stored yet. The session
begins, under the id that the ticket names, with the first request that does something. So those
who only look, crawlers among them, leave nothing behind; and the requests that a page sends all
at once have one session. How many may begin from one address is limited.

Signing in gives the session a new id and keeps what is in it, as Django does. That uses the
invitation up: what a page sent with it shortly before must not begin another visit, in which the
page would never hear that somebody has signed in. An invitation whose session ended otherwise can
begin it once more, empty.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any, cast

from allauth.core.internal import ratelimit
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from sessionstate import claims, engine
from sessionstate.engine import SessionStore
from sessionstate.errors import SessionExists
from sessionstate.middleware import client_of
from sessionstate.threads import in_thread
from sessionstate.tickets import BadTicket, Ticket, read_ticket

from .conf import conf
from .identity import Identity, NotAuthenticated
from .tickets import as_cookie
from .tokens import AccessToken, CookieToken, issue

# Key of a session that began with a visit.
MARK = "_visitor"
_AGE = "_session_expiry"


class TooManyVisitors(Exception):
    """From one address."""


def name_of(session_id: str) -> str:
    """What a visitor is called where people have the id of their user. It is in the paths of
    files, and says nothing of the session's id."""
    return f"visitor-{hashlib.sha256(session_id.encode()).hexdigest()[:32]}"


async def avisit(request: HttpRequest, *, invite: bool, begin: bool) -> Identity:
    """Who sends this request, if it is nobody who is signed in.

    `invite`: give a ticket to who has none that counts. `begin`: store the session now. Raises
    `NotAuthenticated`, `TooManyVisitors`.
    """
    try:
        ticket = read_ticket(request.headers, request.COOKIES)
    except BadTicket as error:
        if not invite or _is_in_header(request):
            raise NotAuthenticated("invalid", str(error)) from error
        ticket = None
    if ticket is not None and ticket.is_visitors:
        session = SessionStore.for_ticket(ticket, client_of(request), request)
        await session.aget(MARK)
        if session.ticket_error == "ended" and ticket.opens:
            session = await in_thread(_begin if begin else _yet_to_begin, ticket, request)
        if not session.ticket_error:
            return _visitor(session, ticket)
        if session.ticket_error == "refused":
            raise NotAuthenticated("refused")
    if not invite or _is_in_header(request):
        raise NotAuthenticated("ended" if ticket else "missing")
    session_id = engine.new_key()
    return _visitor(SessionStore(session_id), Ticket(session_id, None, "cookie", opens=True))


def _visitor(session: SessionStore, ticket: Ticket) -> Identity:
    nobody = cast(AbstractBaseUser, AnonymousUser())
    return Identity(nobody, session, ticket, groups=frozenset())


def _is_in_header(request: HttpRequest) -> bool:
    try:
        return read_ticket(request.headers, {}) is not None
    except BadTicket:
        return True


def _begin(ticket: Ticket, request: HttpRequest) -> SessionStore:
    usage = ratelimit.consume(
        request, app=__name__, action="visit", config={"visit": conf.visits}, limit_get=True
    )
    session = SessionStore()
    session.ticket, session.client = ticket, client_of(request)
    session[MARK] = True
    session.set_expiry(conf.visitor_age)
    try:
        if usage:
            session.create_as(ticket.session_id)
            # Asked afterwards, see `_use_up`.
            if claims.is_claimed(_used_up(ticket)):
                session.flush()
                session.ticket_error = "ended"
            return session
    except SessionExists:
        usage.rollback()
    # Another request of the same page may have been first.
    session = SessionStore.for_ticket(ticket, client_of(request), request)
    session.get(MARK)
    if session.ticket_error and not usage:
        raise TooManyVisitors
    return session


def _yet_to_begin(ticket: Ticket, request: HttpRequest) -> SessionStore:
    session = SessionStore(ticket.session_id)
    if claims.is_claimed(_used_up(ticket)):
        session.ticket_error = "ended"
    return session


def invitation(identity: Identity) -> dict[str, Any] | None:
    """Arguments for `response.set_cookie`, for a visitor whose session has not begun."""
    ticket = identity.ticket
    if not ticket.opens or ticket.source != "cookie" or identity.session.info is not None:
        return None
    return as_cookie(_token(CookieToken, ticket.session_id), conf.visitor_age)


def token() -> str:
    """An invitation for a program, good for `ACCOUNTS_VISITOR_AGE` seconds."""
    return _token(AccessToken, engine.new_key())


def _token(kind: Any, session_id: str) -> str:
    age = timedelta(seconds=conf.visitor_age)
    return issue(kind, session_id=session_id, user_id=None, lifetime=age, opens=True)


@receiver(user_logged_in)
def _become(*, request: HttpRequest | None = None, **_: Any) -> None:
    """It lasts as long as a person's from now on, unless that was decided while signing in."""
    session = getattr(request, "session", None)
    if session is None:
        return
    if session.pop(MARK, False) and session.get(_AGE) == conf.visitor_age:
        del session[_AGE]
    ticket = getattr(session, "ticket", None)
    if ticket is not None and ticket.is_visitors:
        _use_up(ticket, session)


def _use_up(invitation: Ticket, session: SessionStore) -> None:
    """Whoever begins its session at this moment sees the claim, or is seen here."""
    claims.claim(_used_up(invitation), cast(str, session.session_key))
    session.delete(invitation.session_id)


def _used_up(invitation: Ticket) -> str:
    """Claimed by the session of who has signed in."""
    return f"visit {invitation.session_id}"
