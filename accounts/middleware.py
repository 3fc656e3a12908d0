"""What holds for every answer that a person's session had a part in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers

from sessionstate.engine import SessionStore


class PrivatePagesMiddleware:
    """Keeps private answers out of every cache, the browser's back button included, and tells the
    access log whose they were. Below `SessionMiddleware`, above whatever reads the session."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._async = iscoroutinefunction(get_response)
        if self._async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._async:
            return self._acall(request)
        response: HttpResponseBase = self.get_response(request)
        return _finish(request, response)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        return _finish(request, await self.get_response(request))


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code == 401 and not response.has_header("WWW-Authenticate"):
        response["WWW-Authenticate"] = "Bearer"  # RFC 9110: every 401 says what would do
    session = request.session
    if not session.accessed:
        return response
    if not response.has_header("Cache-Control"):
        add_never_cache_headers(response)
    scope = getattr(request, "scope", None)
    if scope is not None and isinstance(session, SessionStore) and session.info is not None:
        scope.setdefault("log", {}).update(
            user_id=session.info.owner or None, session=session.short_id
        )
    return response
