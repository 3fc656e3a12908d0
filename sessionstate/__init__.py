"""Durable session state for Django, key by key.

from sessionstate import Session, UserState, TabState, errors, logins
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sessionstate import errors, logins
    from sessionstate.codec import storable
    from sessionstate.scopes import Session, State, TabState, UserState
    from sessionstate.typed import declare

_HOMES = {
    "Session": "scopes",
    "State": "scopes",
    "TabState": "scopes",
    "UserState": "scopes",
    "declare": "typed",
    "storable": "codec",
}
__all__ = ["Session", "State", "TabState", "UserState", "declare", "errors", "logins", "storable"]


def __getattr__(name: str) -> Any:
    # Lazily, because Django imports this package before settings and apps are ready.
    if name in {"errors", "logins"}:
        return import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
