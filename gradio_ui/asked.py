"""What a callback asks for by its annotations: states of three scopes, and the user.

Session, ShopSession(Session), UserState, TabState, each also `| None`
User, get_user_model(), AbstractBaseUser; with `| AnonymousUser` or `| None` for visitors too
"""

import inspect
import sys
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin

from gradio_ui import marks
from sessionstate import Session, State, TabState, UserState

if TYPE_CHECKING:
    from gradio.block_function import BlockFunction

S = TypeVar("S", bound=State)

SCOPES: tuple[type[State], ...] = (Session, UserState, TabState)
# Attribute of a decorated function: the classes that it asks for.
ASKED = "__gradio_ui_asked__"


@dataclass(frozen=True)
class OfState:
    """An argument that is given a state."""

    kind: type[State]

    @property
    def classes(self) -> tuple[type, ...]:
        return (self.kind,)


@dataclass(frozen=True)
class OfUser:
    """An argument that is given the Django user."""

    classes: tuple[type, ...]
    # What a visitor without an account is, unless `AnonymousUser` is among the classes.
    or_none: bool


def by(hint: Any) -> OfState | OfUser | None:
    """What a type hint asks for, if it is for us."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    classes = [option for option in options if inspect.isclass(option)]
    for option in classes:
        if issubclass(option, SCOPES):
            return OfState(option)
    if users := tuple(filter(is_user, classes)):
        return OfUser(users, NoneType in options)
    return None


def is_user(kind: type) -> bool:
    # Not imported: callbacks are decorated before Django has its models. Who names one has it.
    base, models = (sys.modules.get(f"django.contrib.auth.{m}") for m in ("base_user", "models"))
    return (base is not None and issubclass(kind, base.AbstractBaseUser)) or (
        kind is getattr(models, "AnonymousUser", None)
    )


def wrong_user(name: str, classes: Iterable[type], model: type) -> str:
    wanted = " or ".join(kind.__name__ for kind in classes)
    return (
        f"{name}() takes a {wanted}, and the users of this site are {model._meta.label}: annotate "  # type: ignore[attr-defined]
        "it with get_user_model()."
    )


def scope_of(kind: type[State]) -> type[State]:
    for scope in SCOPES:
        if issubclass(kind, scope):
            return scope
    raise TypeError(f"{kind.__name__} is neither a Session nor a UserState nor a TabState.")


@dataclass(frozen=True)
class Needs:
    """What is read before the first step of a function."""

    scopes: frozenset[type[State]] = frozenset()
    user: bool = False


def needs(block_fn: "BlockFunction") -> Needs:
    """Nothing for functions that take nothing of ours, nor a request; for others the session
    too, which says that it still stands."""
    fn = block_fn.renderable.fn if block_fn.renderable else block_fn.fn
    classes = of(fn)
    scopes = frozenset(scope_of(kind) for kind in classes if issubclass(kind, State))
    if classes or _takes_request(fn):
        scopes |= {Session}
    return Needs(scopes, any(map(is_user, classes)))


def of(fn: Any) -> frozenset[type]:
    return marks.of(fn, ASKED)


def _takes_request(fn: Any) -> bool:
    import gradio

    try:
        hints = typing.get_type_hints(fn if inspect.isroutine(fn) else fn.__call__)
    except Exception:
        # Gradio injects nothing then, either.
        return False
    return any(hint in (gradio.Request, gradio.Request | None) for hint in hints.values())
