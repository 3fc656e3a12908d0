"""The seam between a request and its session: what names the session, and how that travels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from sessionstate.conf import conf

if TYPE_CHECKING:
    from sessionstate.engine import SessionStore

# `program`: a cookie that was given to something that is no browser.
Source = Literal["cookie", "bearer", "header", "program"]


class BadTicket(Exception):
    """A ticket was presented and is not valid. `str()` is a short reason that may be shown."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A verified claim to a session.

    `user_id` is who the ticket was made for (`None`: a visitor). With `binds_user` the session
    must be that user's, or the ticket is foreign. `issued` and `expires` are epoch seconds.
    `opens`: an invitation, whose session may not have begun yet.
    """

    session_id: str
    user_id: str | None
    source: Source
    issued: float = 0.0
    expires: float = 0.0
    binds_user: bool = True
    opens: bool = False

    @property
    def is_visitors(self) -> bool:
        """Whether it can name no session but one that nobody has signed in to."""
        return self.binds_user and self.user_id is None


class TicketScheme(Protocol):
    """Where tickets are read from and written to."""

    def read(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Ticket | None:
        """The request's ticket, `None` when it has none.

        `headers` is case-insensitive. Raises `BadTicket`.
        """

    def cookie(self, session: SessionStore) -> dict[str, Any] | None:
        """Arguments for `response.set_cookie`, or `None` when the cookie is still good.

        `session.ticket` is what the request came with.
        """

    def expired_cookie(self) -> dict[str, Any]:
        """Arguments for `response.delete_cookie`; `key` names the cookie."""


class SessionIdCookie:
    """Django's own habit: the bare session id in a cookie. For projects without `accounts`."""

    def read(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Ticket | None:
        session_id = cookies.get(settings.SESSION_COOKIE_NAME)
        if not session_id:
            return None
        return Ticket(session_id, None, "cookie", binds_user=False)

    def cookie(self, session: SessionStore) -> dict[str, Any] | None:
        unchanged = session.ticket is not None and session.ticket.session_id == session.session_key
        if unchanged and not (session.modified or settings.SESSION_SAVE_EVERY_REQUEST):
            return None
        at_close = session.get_expire_at_browser_close()
        return {
            "key": settings.SESSION_COOKIE_NAME,
            "value": session.session_key,
            "max_age": None if at_close else session.get_expiry_age(),
            "domain": settings.SESSION_COOKIE_DOMAIN,
            "path": settings.SESSION_COOKIE_PATH,
            "secure": settings.SESSION_COOKIE_SECURE,
            "httponly": settings.SESSION_COOKIE_HTTPONLY,
            "samesite": settings.SESSION_COOKIE_SAMESITE,
        }

    def expired_cookie(self) -> dict[str, Any]:
        return {
            "key": settings.SESSION_COOKIE_NAME,
            "path": settings.SESSION_COOKIE_PATH,
            "domain": settings.SESSION_COOKIE_DOMAIN,
            "samesite": settings.SESSION_COOKIE_SAMESITE,
        }


@lru_cache(maxsize=8)
def _scheme(path: str) -> TicketScheme:
    scheme: TicketScheme = import_string(path)()
    return scheme


def get_scheme() -> TicketScheme:
    return _scheme(conf.tickets)


def read_ticket(headers: Mapping[str, str], cookies: Mapping[str, str]) -> Ticket | None:
    """The request's ticket by the scheme in use, `None` as well for a request that skips sessions.

    Raises `BadTicket`.
    """
    return None if is_skipped(headers) else get_scheme().read(headers, cookies)


def is_skipped(headers: Mapping[str, str]) -> bool:
    """Whether `SESSIONSTATE_SKIP_HEADER` says that this request (a probe, say) has no session."""
    if not (setting := conf.skip_header):
        return False
    name, _, pattern = setting.partition(":")
    value = headers.get(name.strip())
    return value is not None and fnmatchcase(value, pattern.strip() or "*")
