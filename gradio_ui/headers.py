"""What browsers are told about every answer below `/gradio/`: how to keep it, show it and use it.

Gradio says nothing of the kind. Pages get a policy with a nonce for their scripts; everything
else (JSON, files, streams, errors) one under which nothing runs, should a browser show it.
"""

from collections.abc import Iterable
from functools import cache
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.signals import setting_changed
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

_PRIVATE_KINDS = ("text/html", "application/json", "application/problem+json", "text/event-stream")

# A worker takes its policy from its own script, so assets have nearly none.
_ASSET = "frame-ancestors 'self'"
# The rest is about pages, and HTTPS is asked for by the page that they are of.
STATIC_FILES = {"Content-Security-Policy": _ASSET, "X-Content-Type-Options": "nosniff"}
_ELSE = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
# Camera and microphone are components of Gradio.
_PERMISSIONS = "geolocation=(), payment=(), usb=()"


def on_everything(send: Send, scope: Scope) -> Send:
    """What holds for all answers, errors included. What an answer says already stands."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", ()))
            names = {name.lower() for name, _ in given}
            missing = [item for item in _of_the_site(_is_secure(scope)) if item[0] not in names]
            message = {**message, "headers": given + missing}
        await send(message)

    return sent


def on_public(send: Send, *, is_kept: bool = False) -> Send:
    """On what Gradio answers the same to everybody. `is_kept`: it never changes."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = _ASSET
            if is_kept and message["status"] == 200:
                headers["Cache-Control"] = "public, max-age=31536000, immutable"
        await send(message)

    return sent


def on_private(send: Send, cookies: Iterable[str], page_policy: str = "") -> Send:
    """On what a session had a part in. `cookies` renew the login; with `page_policy` what comes
    is a page."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("content-type", "").startswith(_PRIVATE_KINDS):
                headers["Cache-Control"] = "no-store"
            else:
                headers.setdefault("Cache-Control", "private, no-cache")
            if page_policy:
                headers["Content-Security-Policy"] = page_policy
            for cookie in cookies:
                headers.append("Set-Cookie", cookie)
        await send(message)

    return sent


@cache
def _of_the_site(is_secure: bool) -> list[tuple[bytes, bytes]]:
    """What Django says on its pages (HSTS, nosniff, the referrer, the opener), and the rest."""

    class Request(HttpRequest):
        def is_secure(self) -> bool:
            return is_secure

    middleware = SecurityMiddleware(lambda _: HttpResponse())
    response = middleware.process_response(Request(), HttpResponse())
    found = {name: value for name, value in response.items() if name != "Content-Type"} | {
        "Content-Security-Policy": _ELSE,
        "Permissions-Policy": _PERMISSIONS,
        "X-Frame-Options": "SAMEORIGIN",
    }
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in found.items()]


def _forget(*, setting: str, **_: Any) -> None:
    if setting.startswith("SECURE_"):
        _of_the_site.cache_clear()


setting_changed.connect(_forget)


def _is_secure(scope: Scope) -> bool:
    if not settings.SECURE_HSTS_SECONDS:
        return False  # nobody else asks
    if settings.SECURE_PROXY_SSL_HEADER:  # the answer is in a header
        return ASGIRequest(scope, BytesIO()).is_secure()
    return bool(scope["scheme"] == "https")
