"""`@with_session`: a callback asks for its session by the type of an argument.

    @with_session
    def count(name: str, session: Session) -> str: ...

Gradio passes what it knows by annotation, and it knows `gr.Request`. So the decorated function
shows Gradio a signature in which the arguments of our types stand at the end, annotated with
`gr.Request`, and puts the state in their place when it is called. Loading and saving happen
around the call, in `gradio_ui.steps`.

A direct call, as a unit test makes it, goes through unchanged: `count("ada", {"visits": 1})`.
"""

import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace, UnionType
from typing import Any, ForwardRef, TypeVar, Union, get_args, get_origin

from gradio_ui import steps, wrapping
from sessionstate import State

F = TypeVar("F", bound=Callable[..., Any])

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
# Evaluated when Gradio asks for the type hints, and Gradio is imported by then.
_REQUEST = ForwardRef("Request", module="gradio.routes")


def with_session(fn: F) -> F:
    """Give `fn` the state it asks for: arguments annotated `Session`, `UserState` or `TabState`,
    anywhere in its signature, `| None` included.

    `fn` is a plain or async function or generator, a method, a `functools.partial`, a lambda-like
    callable or an object with `__call__`. Raises TypeError when it asks for nothing.
    """
    if isinstance(fn, staticmethod | classmethod):
        inner = _wrap(fn.__func__, sys._getframe(1).f_locals)
        return typing.cast(F, type(fn)(inner))
    return typing.cast(F, _wrap(fn, sys._getframe(1).f_locals))


def _wrap(fn: Callable[..., Any], names: Mapping[str, Any]) -> Callable[..., Any]:
    """`names`: where the function is being defined, for annotations that are local to it."""
    plan = _Plan.of(fn, names)
    wrapper = wrapping.wrap(fn, plan.arguments)
    attributes = {
        "__signature__": plan.signature,
        "__annotations__": plan.annotations,
        steps.NEEDS: frozenset(plan.injected.values()),
    }
    for name, value in attributes.items():
        setattr(wrapper, name, value)
    return wrapper


@dataclass(frozen=True)
class _Plan:
    """How arguments in the order shown to Gradio become those of the function."""

    name: str
    parameters: tuple[inspect.Parameter, ...]
    injected: dict[str, type[State]]
    signature: inspect.Signature
    annotations: dict[str, Any]

    @classmethod
    def of(cls, fn: Callable[..., Any], names: Mapping[str, Any]) -> "_Plan":
        name = wrapping.name_of(fn)
        try:
            signature = inspect.signature(fn)
        except ValueError:  # of a builtin without one
            signature = inspect.Signature()
        hints, unknown = _hints(fn, signature, names)
        kinds = {key: kind for key, hint in hints.items() if (kind := _kind(hint))}
        parameters = tuple(signature.parameters.values())
        injected = {p.name: kinds[p.name] for p in parameters if p.name in kinds}
        injected = {k: v for k, v in injected.items() if not _is_variadic(signature, k)}
        if not injected:
            note = "".join(f" The annotation {text!r} cannot be resolved." for text in unknown)
            raise TypeError(
                f"with_session: {name}() has no argument annotated with Session, UserState or "
                f"TabState.{note}"
            )
        return cls(name, parameters, injected, *_shown(signature, hints, injected))

    def arguments(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        first = sum(p.kind in _POSITIONAL and p.name not in self.injected for p in self.parameters)
        last = first + len(self.injected)
        slots = args[first:last]
        call = steps.running()
        if call and slots and all(slot is call.request for slot in slots):
            return self._injected(args, kwargs, first, last, call)
        if any(steps.is_request(slot) for slot in slots):
            raise RuntimeError(
                f"{self.name}() takes a session, so its app must be served by gradio_ui: put "
                "@register on the function that builds it, instead of calling launch()."
            )
        if steps.is_building() and slots and all(slot is None for slot in slots):
            raise TypeError(
                f"{self.name}() takes a session and cannot run while the app is built: "
                "set cache_examples=False."
            )
        return args, kwargs

    def _injected(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        first: int,
        last: int,
        call: "steps.Call",
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = iter(args[:first])
        positional: list[Any] = []
        for parameter in self.parameters:
            kind = self.injected.get(parameter.name)
            if kind and parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                kwargs = kwargs | {parameter.name: call.state(kind)}
            elif kind:
                positional.append(call.state(kind))
            elif parameter.kind in _POSITIONAL:
                positional.append(next(given))
        return (*positional, *args[last:]), kwargs


def _shown(
    signature: inspect.Signature, hints: dict[str, Any], injected: Mapping[str, Any]
) -> tuple[inspect.Signature, dict[str, Any]]:
    """The signature for Gradio: what it fills from inputs first, then what it injects. (It is
    ChatInterface that needs this order: it takes the first two arguments to be its own.)"""
    ordinary = [
        p.replace(annotation=hints.get(p.name, p.empty))
        for p in signature.parameters.values()
        if p.name not in injected
    ]
    requests = [
        inspect.Parameter(
            name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=_REQUEST
        )
        for name in injected
    ]
    positional = [p for p in ordinary if p.kind in _POSITIONAL]
    rest = [p for p in ordinary if p.kind not in _POSITIONAL]
    shown = signature.replace(
        parameters=[*positional, *requests, *rest],
        return_annotation=hints.get("return", inspect.Signature.empty),
    )
    return shown, hints | dict.fromkeys(injected, _REQUEST)


def _kind(hint: Any) -> type[State] | None:
    """The state a type hint asks for: `Session`, `Session | None`, `Session | dict` ..."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return next((option for option in options if option in steps.KINDS), None)


def _hints(
    fn: Callable[..., Any], signature: inspect.Signature, names: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Type hints one by one, so that one which cannot be resolved here (an import for type
    checkers only) does not take the others with it; and those that could not."""
    annotations = {name: p.annotation for name, p in signature.parameters.items()}
    annotations["return"] = signature.return_annotation
    space = getattr(inspect.unwrap(wrapping.function_of(fn)), "__globals__", {})
    hints: dict[str, Any] = {}
    unknown: list[str] = []
    for name, annotation in annotations.items():
        if annotation is inspect.Signature.empty:
            continue
        alone = SimpleNamespace(__annotations__={name: annotation})
        try:
            hints |= typing.get_type_hints(alone, space, dict(names))
        except Exception:
            unknown.append(str(annotation))
    return hints, unknown


def _is_variadic(signature: inspect.Signature, name: str) -> bool:
    return signature.parameters[name].kind in _VARIADIC
