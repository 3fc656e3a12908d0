"""`auth=session_auth` on an operation: `request.auth` is a signed-in user's session, or 401."""

from __future__ import annotations

from typing import ClassVar, cast

from django.conf import settings
from django.http import HttpRequest
from ninja.errors import AuthenticationError, HttpError
from ninja.security.base import AuthBase

from accounts.conf import conf
from accounts.identity import NotAuthenticated, identify_ticket
from accounts.origin import SAFE_METHODS, is_cross_site
from sessionstate.engine import SessionStore
from sessionstate.tickets import Source, Ticket


class _TicketAuth(AuthBase):
    """One place a ticket can be in. Which of them counts was settled when it was read."""

    source: ClassVar[Source]

    def __call__(self, request: HttpRequest) -> SessionStore | None:
        found = self._find(request)
        if found is None and self is session_auth[-1]:  # ninja alone would say "Unauthorized"
            raise AuthenticationError(message="Not authenticated")
        return found

    def _find(self, request: HttpRequest) -> SessionStore | None:
        ticket: Ticket | None = getattr(request, "ticket", None)
        if ticket is None or ticket.source != self.source:
            return None
        client = cast(SessionStore, request.session).client
        try:
            found = identify_ticket(ticket, client, request)
        except NotAuthenticated:
            return None
        if self.source == "cookie":
            refuse_cross_site(request)
        if not found.may_write and request.method not in SAFE_METHODS:
            raise HttpError(403, "This API key may only read.")
        request.user, request.session = found.user, found.session  # type: ignore[assignment]
        request.api_key = found.key  # type: ignore[attr-defined]
        return found.session


class BearerTicket(_TicketAuth):
    source = "bearer"
    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_bearerFormat = "JWT"  # or an API key


class SessionTokenHeader(_TicketAuth):
    source = "header"
    openapi_type = "apiKey"
    openapi_in = "header"

    @property
    def openapi_name(self) -> str:
        return conf.token_header


class SessionCookie(_TicketAuth):
    source = "cookie"
    openapi_type = "apiKey"
    openapi_in = "cookie"

    @property
    def openapi_name(self) -> str:
        return str(settings.SESSION_COOKIE_NAME)


_KINDS = {"bearer": BearerTicket, "header": SessionTokenHeader, "cookie": SessionCookie}
# ninja tries one after the other, and documents each as a security scheme of its own.
session_auth = [_KINDS[place]() for place in conf.places]


def refuse_program(request: HttpRequest) -> None:
    """403 for an API key: a key that leaks must not make others, nor sign its owner out."""
    if getattr(request, "api_key", None) is not None:
        raise HttpError(403, "An API key may not do this. Sign in instead.")


def refuse_cross_site(request: HttpRequest) -> None:
    """403 unless the request says that a page of this site sent it."""
    assert request.method
    scheme = request.scheme or "http"
    if is_cross_site(request.method, request.headers, request.get_host(), scheme):
        raise HttpError(403, "This request was not sent from a page of this site.")


def refuse_foreign_page(request: HttpRequest) -> None:
    """403 when a browser says that another site's page sent it. For requests that carry a
    password and set a cookie: a page could sign its reader in as somebody else."""
    if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:
        refuse_cross_site(request)
