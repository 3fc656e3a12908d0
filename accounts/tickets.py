"""Where tickets are read from and written to: three places, and the kinds of token they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings

from sessionstate.clock import timestamp
from sessionstate.conf import conf as state_conf
from sessionstate.lifetime import session_expires
from sessionstate.tickets import Source, Ticket

from .conf import conf
from .keys import START, read_key
from .tokens import AccessToken, CookieToken, SessionToken, issue, read

if TYPE_CHECKING:
    from sessionstate.engine import SessionStore

# The cookie is written anew once this share of its life has passed: who is active stays in.
RENEW_AFTER = 0.1

# Key of a session whose cookie a program asked for: see `gradio_ui.login`.
FOR_PROGRAM = "_for_program"


class JWTTickets:
    """`Authorization: Bearer`, then `X-Session-Token`, then the cookie; or what
    `ACCOUNTS_TICKET_PLACES` says.

    The first one present decides: a broken header never falls back to the cookie. Only the first
    may be an API key.
    """

    def read(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Ticket | None:
        for place in conf.places:
            if (ticket := _READ[place](headers, cookies)) is not None:
                return ticket
        return None

    def cookie(self, session: SessionStore) -> dict[str, Any] | None:
        if session.session_key is None or session.info is None or "cookie" not in conf.places:
            return None  # nothing is stored that a ticket could name
        moment = timestamp()
        program = FOR_PROGRAM in session
        end = (
            # Its client keeps the cookie of the sign-in for good.
            session.info.created + state_conf.absolute_age
            if program
            else session_expires(
                session.get("_session_expiry"), used=moment, created=session.info.created
            )
        )
        life = end - moment
        if life <= 0 or _still_good(session.ticket, session.session_key, end, life):
            return None
        token = issue(
            CookieToken,
            session_id=session.session_key,
            user_id=session.get("_auth_user_id"),
            lifetime=timedelta(seconds=life),
            program=program,
        )
        return as_cookie(token, None if session.get_expire_at_browser_close() else int(life))

    def expired_cookie(self) -> dict[str, Any]:
        return {
            "key": settings.SESSION_COOKIE_NAME,
            "path": settings.SESSION_COOKIE_PATH,
            "domain": settings.SESSION_COOKIE_DOMAIN,
            "samesite": settings.SESSION_COOKIE_SAMESITE,
        }


def as_cookie(token: str, max_age: int | None) -> dict[str, Any]:
    """Arguments for `response.set_cookie`."""
    return {
        "key": settings.SESSION_COOKIE_NAME,
        "value": token,
        "max_age": max_age,
        "domain": settings.SESSION_COOKIE_DOMAIN,
        "path": settings.SESSION_COOKIE_PATH,
        "secure": settings.SESSION_COOKIE_SECURE,
        "httponly": settings.SESSION_COOKIE_HTTPONLY,
        "samesite": settings.SESSION_COOKIE_SAMESITE,
    }


def _bearer(headers: Mapping[str, str], cookies: Mapping[str, str]) -> Ticket | None:
    scheme, _, token = headers.get(conf.bearer_header, "").strip().partition(" ")
    if scheme.lower() != "bearer":
        return None
    if token.strip().startswith(START):
        return read_key(token.strip())
    return _ticket(AccessToken, token.strip(), "bearer")


def _header(headers: Mapping[str, str], cookies: Mapping[str, str]) -> Ticket | None:
    header = headers.get(conf.token_header)
    return None if header is None else _ticket(AccessToken, header.strip(), "header")


def _cookie(headers: Mapping[str, str], cookies: Mapping[str, str]) -> Ticket | None:
    cookie = cookies.get(settings.SESSION_COOKIE_NAME)
    return _ticket(CookieToken, cookie, "cookie") if cookie else None


_READ: dict[str, Callable[[Mapping[str, str], Mapping[str, str]], Ticket | None]] = {
    "bearer": _bearer,
    "header": _header,
    "cookie": _cookie,
}


def _ticket(kind: type[SessionToken], raw: str, source: Source) -> Ticket:
    claims = read(kind, raw)
    if claims.program:
        source = "program"
    return Ticket(
        claims.session_id,
        claims.user_id,
        source,
        claims.issued,
        claims.expires,
        opens=claims.opens,
    )


def _still_good(ticket: Ticket | None, session_key: str, end: float, life: float) -> bool:
    if ticket is None or ticket.session_id != session_key:
        return False
    if ticket.source != "cookie":
        return True  # a program with a token of its own has no use for a cookie
    if ticket.opens:
        return False  # what it invited to has begun
    # Above the upper bound the session was given a shorter life than the cookie says.
    return end - RENEW_AFTER * life <= ticket.expires <= end + 1
