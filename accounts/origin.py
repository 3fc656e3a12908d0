"""Did another site's page send this request? Asked when a cookie is all that vouches for it.

A browser adds the cookie by itself, to a form that any page on the web may submit. It also says
where the page came from, in headers that no page can forge: `Origin` and `Sec-Fetch-Site`.
A request that says nothing of its origin is refused too; programs have tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.http import is_same_domain

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_DEFAULT_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int | None]


def is_cross_site(method: str, headers: Mapping[str, str], host: str, scheme: str) -> bool:
    """`headers` is case-insensitive; `host` and `scheme` are what the request was sent to."""
    if method.upper() in SAFE_METHODS:
        return False
    origin = headers.get("Origin")
    site = headers.get("Sec-Fetch-Site")
    if origin is None:
        return site not in {"same-origin", "none"}
    if _is_trusted(origin):
        return False
    return site not in {None, "same-origin", "none"} or not _same(origin, f"{scheme}://{host}")


def is_from_browser(headers: Mapping[str, str]) -> bool:
    """Whether a page, or somebody's click, may have sent this. Browsers name the origin of every
    POST; those that were too old for that ask for a page."""
    return (
        "Origin" in headers
        or "Sec-Fetch-Site" in headers
        or "text/html" in (headers.get("Accept") or "")
    )


def _parse(origin: str) -> Origin | None:
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname:
        return None  # "null", among others
    return parts.scheme, parts.hostname, port or _DEFAULT_PORTS.get(parts.scheme)


def _same(origin: str, other: str) -> bool:
    parsed = _parse(origin)
    return parsed is not None and parsed == _parse(other)


def _is_trusted(origin: str) -> bool:
    """Django's rule for `CSRF_TRUSTED_ORIGINS`, with `*.` for subdomains."""
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return any(
        parts.scheme == trusted.scheme and is_same_domain(parts.netloc, trusted.netloc.lstrip("*"))
        for trusted in map(urlsplit, settings.CSRF_TRUSTED_ORIGINS)
        if "*" in trusted.netloc
    )
