"""Durable session state for Django, key by key.

from sessionstate import Session, UserState, TabState, errors, logins
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sessionstate import errors, logins
    from sessionstate.scopes import Session, State, TabState, UserState

__all__ = ["Session", "State", "TabState", "UserState", "errors", "logins"]


def __getattr__(name: str) -> Any:
    # Lazily, because Django imports this package before settings and apps are ready.
    if name in {"errors", "logins"}:
        return import_module(f".{name}", __name__)
    if name in __all__:
        return getattr(import_module(".scopes", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
