"""System checks of this app's settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from .conf import conf

# Symmetric: the key signs and verifies. A public key as an HS secret is how tokens get forged.
ALGORITHMS = {"HS256", "HS384", "HS512"}
MIN_KEY_BYTES = 32


@register(Tags.security)
def check_tickets(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    if conf.algorithm not in ALGORITHMS:
        messages.append(
            Error(
                f"SIMPLE_JWT['ALGORITHM'] is {conf.algorithm!r}.",
                hint=f"Use one of {', '.join(sorted(ALGORITHMS))}.",
                id="accounts.E001",
            )
        )
    if len(conf.signing_key.encode()) < MIN_KEY_BYTES:
        messages.append(
            Error(
                f"The key that signs tickets is shorter than {MIN_KEY_BYTES} bytes.",
                hint="Give DJANGO_SECRET_KEY (or SIMPLE_JWT['SIGNING_KEY']) a longer random value.",
                id="accounts.E002",
            )
        )
    if conf.access_age > conf.refresh_age:
        messages.append(
            Warning(
                "Access tokens live longer than refresh tokens.",
                hint="Lower SIMPLE_JWT['ACCESS_TOKEN_LIFETIME'].",
                id="accounts.W001",
            )
        )
    if settings.SESSION_COOKIE_SECURE and not settings.SESSION_COOKIE_NAME.startswith("__Host-"):
        messages.append(
            Warning(
                "The ticket's cookie could be planted by a sibling subdomain.",
                hint="Let SESSION_COOKIE_NAME begin with __Host-.",
                id="accounts.W002",
            )
        )
    return messages
