"""What browsers may do with the pages of the site itself. Gradio's are in `gradio_ui.headers`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

# Our pages, allauth's and the admin's have no inline scripts or styles. No `form-action`: it would
# also hold for the redirect to a single sign-on provider.
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; "
    "frame-ancestors 'none'"
)
# Swagger's page of the API sets styles in attributes.
DOCS_POLICY = f"{POLICY}; style-src 'self' 'unsafe-inline'"
# Django's own pages for developers have scripts and styles inline.
DEBUG_POLICY = f"{DOCS_POLICY}; script-src 'self' 'unsafe-inline'"
PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"


@sync_and_async_middleware
def HeadersMiddleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """What a view says of it already stands."""

    def middleware(request: HttpRequest) -> Any:
        return _told(get_response(request))

    async def async_middleware(request: HttpRequest) -> Any:
        return _told(await get_response(request))

    return async_middleware if iscoroutinefunction(get_response) else middleware


def _told(response: HttpResponseBase) -> HttpResponseBase:
    is_for_developers = settings.DEBUG and response.status_code in (404, 500)
    policy = DEBUG_POLICY if is_for_developers else POLICY
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers.setdefault("Permissions-Policy", PERMISSIONS)
    return response


def as_documentation(view: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates the page of the API."""

    @wraps(view)
    def shown(*args: Any, **kwargs: Any) -> Any:
        response = view(*args, **kwargs)
        response.headers["Content-Security-Policy"] = DOCS_POLICY
        return response

    return shown
