"""That Django uses our engine and our middleware, each once and in a place where it works."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware as DjangoMiddleware
from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string

from sessionstate.conf import conf

ENGINE = "sessionstate.engine"
MIDDLEWARE = "sessionstate.middleware.SessionMiddleware"
# They read `request.session` when a request comes in.
READERS = [
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
CSRF = "django.middleware.csrf.CsrfViewMiddleware"


def check_engine(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    from sessionstate.engine import SessionStore

    try:
        store = getattr(import_module(settings.SESSION_ENGINE), "SessionStore", None)
    except ImportError:
        store = None
    if isinstance(store, type) and issubclass(store, SessionStore):
        return []
    return [
        Error(
            f"SESSION_ENGINE is {settings.SESSION_ENGINE!r}, which does not keep sessions here.",
            hint=f"Set SESSION_ENGINE = {ENGINE!r}.",
            id="sessionstate.E007",
        )
    ]


def check_middleware(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    from sessionstate.middleware import SessionMiddleware

    ours = djangos = None
    for position, path in enumerate(settings.MIDDLEWARE):
        kind = _imported(path)
        if not isinstance(kind, type):
            continue
        if issubclass(kind, SessionMiddleware):
            ours = position
        elif issubclass(kind, DjangoMiddleware):
            djangos = position
    if ours is None:
        instead = (
            f" in the place of {settings.MIDDLEWARE[djangos]!r}" if djangos is not None else ""
        )
        return [
            Error(
                "No session middleware of sessionstate is in MIDDLEWARE, so tickets are not read.",
                hint=f"Put {MIDDLEWARE!r} there{instead}, before AuthenticationMiddleware.",
                id="sessionstate.E008",
            )
        ]
    if djangos is not None:
        return [
            Error(
                f"MIDDLEWARE has {settings.MIDDLEWARE[djangos]!r} beside {MIDDLEWARE!r}. "
                "The later of the two would replace the session of the other.",
                hint=f"Remove {settings.MIDDLEWARE[djangos]!r}.",
                id="sessionstate.E009",
            )
        ]
    readers = [*READERS, *([CSRF] if settings.CSRF_USE_SESSIONS else [])]
    return [
        Error(
            f"{path!r} comes before the session middleware in MIDDLEWARE, but needs the session.",
            hint=f"Move {settings.MIDDLEWARE[ours]!r} above it.",
            id="sessionstate.E010",
        )
        for path in settings.MIDDLEWARE[:ours]
        if path in readers
    ]


def check_tickets(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    problem = ""
    try:
        scheme = import_string(conf.tickets)
    except ImportError as error:
        problem = str(error)
    else:
        missing = [
            name for name in ("read", "cookie", "expired_cookie") if not hasattr(scheme, name)
        ]
        if missing:
            problem = f"it has no {', '.join(missing)}"
    if not problem:
        return []
    return [
        Error(
            f"SESSIONSTATE_TICKETS = {conf.tickets!r} cannot be used: {problem}.",
            hint="Name a class that keeps the contract sessionstate.tickets.TicketScheme.",
            id="sessionstate.E011",
        )
    ]


def check_verifiers(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"SESSIONSTATE_VERIFIERS names {path!r}, which is no function that can be imported.",
            hint="Give dotted paths of functions that take a session and a request.",
            id="sessionstate.E014",
        )
        for path in conf.verifiers
        if not callable(_imported(path))
    ]


def check_skip_header(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    name = conf.skip_header.partition(":")[0].strip()
    if not conf.skip_header or re.fullmatch(r"[A-Za-z0-9-]+", name):
        return []
    return [
        Error(
            f"SESSIONSTATE_SKIP_HEADER is {conf.skip_header!r}, which names no header.",
            hint="Write a name, `X-Probe`, or a name and a pattern, `User-Agent: kube-probe/*`.",
            id="sessionstate.E015",
        )
    ]


def check_serializer(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if "pickle" not in settings.SESSION_SERIALIZER.lower():
        return []
    return [
        Warning(
            f"SESSION_SERIALIZER is {settings.SESSION_SERIALIZER!r}. Reading a pickle runs the "
            "code in it, so whoever can write one takes over the server.",
            hint="Remove the setting: sessionstate stores values with a codec of its own, which "
            "keeps their types, and this serializer would only be used by other code.",
            id="sessionstate.W006",
        )
    ]


def _imported(path: str) -> Any:
    try:
        return import_string(path)
    except ImportError:
        return None  # Django says so itself when the first request comes


CHECKS = (
    check_engine,
    check_middleware,
    check_tickets,
    check_verifiers,
    check_skip_header,
    check_serializer,
)
