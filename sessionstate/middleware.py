"""From a request's ticket to `request.session`, and back to a cookie. In the place of Django's
`SessionMiddleware`, whose rules it keeps; serves sync and async."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any, cast

from django.contrib.sessions import middleware
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.signals import got_request_exception
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from sessionstate.conf import conf
from sessionstate.engine import SessionStore
from sessionstate.errors import StoreUnavailable
from sessionstate.outage import unavailable
from sessionstate.stamping import Client
from sessionstate.tickets import BadTicket, get_scheme, is_skipped, read_ticket

_INTERRUPTED = (
    "The request's session ended before the request completed. "
    "The user may have signed out in a concurrent request, for example."
)


def client_of(request: HttpRequest) -> Client:
    return Client(
        ip=request.META.get("REMOTE_ADDR") or "",
        user_agent=request.headers.get("User-Agent", ""),
    )


class SessionMiddleware(middleware.SessionMiddleware):
    """A subclass because the admin's system check asks for one."""

    def process_request(self, request: HttpRequest) -> None:
        """Sets `request.session` and `request.ticket`; nothing is loaded yet.

        A bad ticket is an empty session, never an error: the login page must stay reachable. Who
        needs a session (the API, the gate) refuses by `request.session.ticket_error`.
        """
        ticket, error = None, ""
        try:
            ticket = read_ticket(request.headers, request.COOKIES)
        except BadTicket as bad:
            error = str(bad)
        session = SessionStore.for_ticket(ticket, client_of(request), request)
        session.ticket_error = error
        request.session = session
        if conf.attribute != "session":
            setattr(request, conf.attribute, session)
        request.ticket = ticket  # type: ignore[attr-defined]

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A view that needed the session while its store was down: 503, and never anonymous."""
        return unavailable(request) if isinstance(exception, StoreUnavailable) else None

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        session: SessionStore = request.session  # type: ignore[assignment]
        response = _explained(request, response)
        if _in_use(session):
            try:
                if response.status_code < 500 and session.modified:
                    session.save()
                elif session.accessed:
                    with suppress(StoreUnavailable):  # what the view did stays done
                        session.touch_if_due()
            except UpdateError as error:
                raise SessionInterrupted(_INTERRUPTED) from error
            except StoreUnavailable:
                return unavailable(request)
        _write_cookie(request, response, session)
        return response

    async def __acall__(self, request: HttpRequest) -> HttpResponse:
        # The inherited one would hop into a thread twice per request, also for untouched sessions.
        self.process_request(request)
        response: HttpResponse = await cast(Any, self.get_response(request))
        session: SessionStore = request.session  # type: ignore[assignment]
        response = _explained(request, response)
        if _in_use(session):
            try:
                if response.status_code < 500 and session.modified:
                    await session.asave()
                elif session.accessed:
                    with suppress(StoreUnavailable):
                        await session.atouch_if_due()
            except UpdateError as error:
                raise SessionInterrupted(_INTERRUPTED) from error
            except StoreUnavailable:
                return unavailable(request)
        _write_cookie(request, response, session)
        return response


@receiver(got_request_exception)
def _note(*, request: HttpRequest | None = None, **_: Any) -> None:
    if isinstance(sys.exc_info()[1], StoreUnavailable) and request is not None:
        request.store_unavailable = True  # type: ignore[attr-defined]


def _explained(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Of what other middlewares raise, Django lets us see only the response it made of it."""
    if response.status_code == 500 and getattr(request, "store_unavailable", False):
        return unavailable(request)
    return response


def _in_use(session: SessionStore) -> bool:
    return "_session_cache" in session.__dict__ and not session.is_empty()


def _write_cookie(request: HttpRequest, response: HttpResponse, session: SessionStore) -> None:
    if not session.accessed or is_skipped(request.headers):
        return
    patch_vary_headers(response, ("Cookie", "Authorization"))
    scheme = get_scheme()
    if not session.is_empty():
        if response.status_code < 500 and (cookie := scheme.cookie(session)):
            response.set_cookie(**cookie)
    elif session.ticket is None or (
        # A header decided otherwise, and says nothing of the browser's own login.
        # An invitation is still good.
        session.ticket.source == "cookie" and not session.ticket.opens
    ):
        expired = scheme.expired_cookie()
        if expired["key"] in request.COOKIES:
            response.delete_cookie(**expired)
