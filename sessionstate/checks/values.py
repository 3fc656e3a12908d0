"""That `SESSIONSTATE_*` are settings that exist, of the right type, and make sense together."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, get_origin, get_type_hints

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from sessionstate.conf import PREFIX, Conf, conf

MAY_BE_ZERO = {"SESSIONSTATE_MAX_PER_USER", "SESSIONSTATE_THREADS"}
_MAY_BE: dict[type, Any] = {float: int | float, tuple: tuple | list}


def declared() -> dict[str, type]:
    """Each setting's name and type. The typed properties of `Conf` are the one list of them."""
    properties = {name: value for name, value in vars(Conf).items() if isinstance(value, property)}
    return {
        PREFIX + name.upper(): _plain(get_type_hints(prop.fget)["return"])
        for name, prop in properties.items()
        if name != "idle_age"
    }


def check_names(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    known = declared()
    messages: list[CheckMessage] = []
    for name in dir(settings):
        if not name.startswith(PREFIX) or name in known:
            continue
        similar = difflib.get_close_matches(name, known, n=1)
        messages.append(
            Warning(
                f"There is no setting {name}; it has no effect.",
                hint=f"Did you mean {similar[0]}?"
                if similar
                else f"The settings are {', '.join(sorted(known))}.",
                id="sessionstate.W009",
            )
        )
    return messages


def check_values(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    wanted = declared() | {"SESSION_COOKIE_AGE": int}
    given = {name: getattr(settings, name) for name in wanted if hasattr(settings, name)}
    messages: list[CheckMessage] = []
    for name, value in given.items():
        kind = wanted[name]
        # An int will do for a float; True is an int to Python, but not to whoever sets a limit.
        fits = isinstance(value, _MAY_BE.get(kind, kind))
        if isinstance(value, bool) or not fits:
            messages.append(
                Error(
                    f"{name} is {value!r}, not {_called(kind)}.",
                    hint=f"Set it to {_called(kind)}, or remove it to use the default.",
                    id="sessionstate.E012",
                )
            )
        elif kind in (int, float) and not (value > 0 or (value == 0 and name in MAY_BE_ZERO)):
            least = "0 or more" if name in MAY_BE_ZERO else "more than 0"
            messages.append(
                Error(
                    f"{name} is {value!r}, and has to be {least}.",
                    hint="Remove it to use the default.",
                    id="sessionstate.E013",
                )
            )
    return messages or _check_relations()


def _check_relations() -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    if conf.idle_age > conf.absolute_age:
        messages.append(
            Warning(
                f"SESSION_COOKIE_AGE ({conf.idle_age} s without use) is longer than "
                f"SESSIONSTATE_ABSOLUTE_AGE ({conf.absolute_age} s in all), so it has no effect.",
                hint="Lower SESSION_COOKIE_AGE, or raise SESSIONSTATE_ABSOLUTE_AGE.",
                id="sessionstate.W007",
            )
        )
    if conf.lock_age <= conf.store_timeout:
        messages.append(
            Warning(
                f"SESSIONSTATE_LOCK_AGE ({conf.lock_age:g} s) is not longer than "
                f"SESSIONSTATE_STORE_TIMEOUT ({conf.store_timeout:g} s): one slow answer of the "
                "store is enough for atomic() to lose its lock and raise LockTimeout.",
                hint="Make SESSIONSTATE_LOCK_AGE several times SESSIONSTATE_STORE_TIMEOUT.",
                id="sessionstate.W008",
            )
        )
    return messages


def _plain(hint: Any) -> type:
    """`tuple` of `tuple[str, ...]`: what `isinstance` takes."""
    plain: type = get_origin(hint) or hint
    return plain


def _called(kind: type) -> str:
    names = {int: "a whole number", float: "a number", str: "a string", tuple: "a tuple of strings"}
    return names[kind]


CHECKS = (check_names, check_values)
