"""One shape for every error below /api/, whoever answers it: problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from accounts.problems import CONTENT_TYPE, problem
from sessionstate.outage import unavailable

# The cache counts attempts to sign in. While it is down nobody can say how many there were.
OUTAGES = (ConnectionInterrupted, RedisError)

_DETAILS = {
    400: "The request could not be understood.",
    403: "This is not allowed.",
    404: "There is nothing at this address.",
    405: "This address does not know that method; see the header Allow.",
    500: "Something went wrong on the server. It has been noted.",
}


def answer(status: int, detail: str = "", *, type: str = "about:blank") -> HttpResponse:
    detail = detail or _DETAILS.get(status, "")
    return JsonResponse(
        problem(status, detail=detail, type=type), status=status, content_type=CONTENT_TYPE
    )


class ProblemsMiddleware:
    """What Django answers by a page (no such address, a bad host, an error in a middleware) or
    ninja by plain text (405), below /api/. Above everything that may refuse a request."""

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
        return _explained(request, self.get_response(request))

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return unavailable(request) if isinstance(exception, OUTAGES) else None

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        return _explained(request, await self.get_response(request))


def _explained(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code < 400 or not request.path_info.startswith("/api/"):
        return response
    if response.get("Content-Type", "").startswith(CONTENT_TYPE):
        return response
    explained = answer(response.status_code)
    for name, value in response.items():
        if not name.lower().startswith("content-"):
            explained[name] = value
    explained.cookies = response.cookies
    return explained
