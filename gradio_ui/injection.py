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
from types import SimpleNamespace
from typing import Any, ForwardRef, TypeVar

from gradio_ui import asked, wrapping
from gradio_ui.asked import OfState, OfUser
from gradio_ui.running import Call, is_building, is_request, running

F = TypeVar("F", bound=Callable[..., Any])

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
# Evaluated when Gradio asks for the type hints, and Gradio is imported by then.
_REQUEST = ForwardRef("Request", module="gradio.routes")


class _Absent:
    """The default that Gradio sees, and passes where it has no request: it does not find the
    annotations of a `functools.partial` of a decorated function."""

    def __repr__(self) -> str:
        return "..."


_ABSENT = _Absent()


def with_session(fn: F, /, **kinds: Any) -> F:
    """Give `fn` what it asks for by the annotations of its arguments, anywhere in its signature:
    `Session`, `UserState`, `TabState`, subclasses of them, and the Django user. `| None` is fine.

    `fn` is a plain or async function or generator, a method, a `functools.partial` or an object
    with `__call__`. `kinds` says it of arguments without annotation, such as a lambda's:
    `with_session(lambda word, session: ..., session=Session)`. Raises TypeError when it asks for
    nothing.
    """
    names = sys._getframe(1).f_locals
    if isinstance(fn, staticmethod | classmethod):
        return typing.cast(F, type(fn)(_wrap(fn.__func__, names, kinds)))
    return typing.cast(F, _wrap(fn, names, kinds))


def _wrap(
    fn: Callable[..., Any], names: Mapping[str, Any], kinds: Mapping[str, Any]
) -> Callable[..., Any]:
    """`names`: where the function is being defined, for annotations that are local to it."""
    plan = _Plan.of(fn, names, kinds)
    wrapper = wrapping.wrap(fn, plan.arguments)
    wrapping.show(wrapper, plan.signature, plan.annotations)
    classes = frozenset(kind for ours in plan.injected.values() for kind in ours.classes)
    setattr(wrapper, asked.ASKED, classes)
    return wrapper


@dataclass(frozen=True)
class _Plan:
    """How arguments in the order shown to Gradio become those of the function."""

    name: str
    parameters: tuple[inspect.Parameter, ...]
    injected: dict[str, OfState | OfUser]
    signature: inspect.Signature
    annotations: dict[str, Any]

    @classmethod
    def of(
        cls, fn: Callable[..., Any], names: Mapping[str, Any], kinds: Mapping[str, Any]
    ) -> "_Plan":
        name = wrapping.name_of(fn)
        try:
            signature = inspect.signature(fn)
        except ValueError:  # of a builtin without one
            signature = inspect.Signature()
        parameters = tuple(signature.parameters.values())
        takes = {p.name for p in parameters if p.kind not in _VARIADIC}
        for wrong in kinds.keys() - takes:
            raise TypeError(f"with_session: {name}() has no argument {wrong!r}.")
        hints, unknown = _hints(fn, signature, names)
        hints |= kinds
        found = {key: asked.by(hints[key]) for key in hints.keys() & takes}
        injected = {p.name: ours for p in parameters if (ours := found.get(p.name))}
        for wrong in kinds.keys() - injected:
            raise TypeError(
                f"with_session: {kinds[wrong]!r}, for the argument {wrong!r} of {name}(), is "
                "neither a state nor a user."
            )
        if not injected:
            note = "".join(f" The annotation {text!r} cannot be resolved." for text in unknown)
            raise TypeError(
                f"with_session: {name}() has no argument annotated with Session, UserState, "
                f"TabState or User.{note}"
            )
        return cls(name, parameters, injected, *_shown(signature, hints, injected))

    def arguments(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        first = sum(p.kind in _POSITIONAL and p.name not in self.injected for p in self.parameters)
        last = first + len(self.injected)
        slots = args[first:last]
        call = running()
        if call and slots and all(slot in (call.request, _ABSENT) for slot in slots):
            return self._injected(args, kwargs, first, last, call)
        if any(is_request(slot) or slot is _ABSENT for slot in slots):
            raise RuntimeError(
                f"{self.name}() takes {self._what}, so its app must be served by gradio_ui: put "
                "@register on the function that builds it, instead of calling launch()."
            )
        if is_building() and self._lacks(slots, kwargs):
            raise TypeError(
                f"{self.name}() takes {self._what} and cannot run while the app is built: "
                "no cache_examples=True with it, and a load event in place of value=."
            )
        return args, kwargs

    @property
    def _what(self) -> str:
        return (
            "a session" if any(isinstance(o, OfState) for o in self.injected.values()) else "a user"
        )

    def _lacks(self, slots: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """Whether nobody gives it what it asks for."""
        if slots:
            return all(slot is None for slot in slots)
        return any(
            p.default is p.empty and p.name not in kwargs
            for p in self.parameters
            if p.name in self.injected
        )

    def _injected(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        first: int,
        last: int,
        call: Call,
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = iter(args[:first])
        positional: list[Any] = []
        for parameter in self.parameters:
            ours = self.injected.get(parameter.name)
            if ours and parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                kwargs = kwargs | {parameter.name: call.give(ours, self.name)}
            elif ours:
                positional.append(call.give(ours, self.name))
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
            name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=_ABSENT, annotation=_REQUEST
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
