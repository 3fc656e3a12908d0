"""System checks of this app's settings."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from .conf import PLACES, conf
from .signing import BadKey, keys

# RFC 9110's token; an underscore would not get through most servers.
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^`|~-]+")
_TAKEN = {"cookie", "host", "origin", "content-type", "content-length", "sec-fetch-site"}


@register(Tags.security)
def check_tickets(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    try:
        keys()
    except BadKey as error:
        messages.append(Error(str(error), hint=error.hint, id=error.id))
    if conf.access_age > conf.refresh_age:
        messages.append(
            Warning(
                "Access tokens live longer than refresh tokens.",
                hint="Lower SIMPLE_JWT['ACCESS_TOKEN_LIFETIME'].",
                id="accounts.W001",
            )
        )
    return messages


@register(Tags.security)
def check_places(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    places = conf.places
    if not places or len(set(places)) < len(places) or not set(places) <= set(PLACES):
        messages.append(
            Error(
                f"ACCOUNTS_TICKET_PLACES is {list(places)!r}.",
                hint=f"Name some of {', '.join(PLACES)}, each once, the deciding one first.",
                id="accounts.E003",
            )
        )
    names = [conf.bearer_header, conf.token_header]
    if not all(map(_HEADER_NAME.fullmatch, names)) or len(
        {name.lower() for name in names} - _TAKEN
    ) < len(names):
        messages.append(
            Error(
                f"Tickets cannot travel in the headers {' and '.join(map(repr, names))}.",
                hint="Give ACCOUNTS_BEARER_HEADER and ACCOUNTS_TOKEN_HEADER two names of their "
                "own, of letters, digits and hyphens.",
                id="accounts.E004",
            )
        )
    return messages


@register(Tags.security)
def check_cookie(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """What browsers would drop, and what lets others plant or read the cookie."""
    name, secure = settings.SESSION_COOKIE_NAME, bool(settings.SESSION_COOKIE_SECURE)
    messages: list[CheckMessage] = []
    if str(settings.SESSION_COOKIE_SAMESITE).lower() == "none" and not secure:
        messages.append(
            Error(
                "SESSION_COOKIE_SAMESITE is 'None' for a cookie that is not Secure; browsers drop "
                "it.",
                hint="Set SESSION_COOKIE_SECURE (DJANGO_SECURE_COOKIES), or SameSite to 'Lax'.",
                id="accounts.E005",
            )
        )
    at_home = settings.SESSION_COOKIE_PATH == "/" and not settings.SESSION_COOKIE_DOMAIN
    if (name.startswith("__Host-") and not (secure and at_home)) or (
        name.startswith("__Secure-") and not secure
    ):
        messages.append(
            Error(
                f"Browsers drop the cookie {name}: its prefix promises more than it keeps.",
                hint="__Host- wants SESSION_COOKIE_SECURE, the path / and no SESSION_COOKIE_DOMAIN;"
                " __Secure- wants SESSION_COOKIE_SECURE. Or take another SESSION_COOKIE_NAME.",
                id="accounts.E006",
            )
        )
    if secure and not name.startswith("__Host-"):
        messages.append(
            Warning(
                "The ticket's cookie could be planted by a sibling subdomain.",
                hint="Let SESSION_COOKIE_NAME begin with __Host-.",
                id="accounts.W002",
            )
        )
    if not settings.SESSION_COOKIE_HTTPONLY:
        messages.append(
            Warning(
                "Scripts can read the ticket's cookie, and send it wherever they like.",
                hint="Leave SESSION_COOKIE_HTTPONLY on.",
                id="accounts.W003",
            )
        )
    return messages


_ONE_PROCESS = ("locmem.LocMemCache", "dummy.DummyCache")


@register(Tags.security, deploy=True)
def check_limits(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Attempts to sign in are counted in the default cache."""
    backend = settings.CACHES["default"].get("BACKEND", "")
    if not backend.endswith(_ONE_PROCESS):
        return []
    workers = os.environ.get("WEB_CONCURRENCY", "")
    several = workers.isdecimal() and int(workers) > 1
    if not several and backend.endswith(_ONE_PROCESS[0]):
        return []
    why = f"WEB_CONCURRENCY asks for {workers}" if several else "it keeps nothing"
    return [
        Warning(
            f"Attempts to sign in are counted in {backend}, but {why}: whoever guesses passwords "
            "has as many attempts more.",
            hint="Set REDIS_URL, or let CACHES['default'] name a cache that all processes share.",
            id="accounts.W010",
        )
    ]
