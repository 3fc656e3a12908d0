"""How often a user may call a function: `@limit("20/m")`.

    @limit("20/m, 200/d", concurrent=2)
    @with_session
    def ask(question: str, session: Session) -> str: ...

All logins of a user count together, over all processes when there is Redis; a visitor counts
alone. A call is counted once: by the gate, which can tell from a request, or from a call of an MCP
tool, which function it is for, and refuses it before it waits in the queue. What a function
that Gradio does not know of is called by another one is counted here. A direct call, as a unit
test makes it, goes through.
"""

import inspect
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from django.utils.translation import gettext

from gradio_ui import languages, marks, passage, rates, wrapping
from gradio_ui.compat import callbacks
from gradio_ui.rates import BadLimit, Exceeded, Limit
from gradio_ui.running import running

if TYPE_CHECKING:
    from gradio.block_function import BlockFunction

    from gradio_ui.passage import Passage

F = TypeVar("F", bound=Callable[..., Any])

# Attribute of a decorated function: its limits, all of which must allow a call.
LIMITS = "__gradio_ui_limits__"


def limit(rates: str = "", *, concurrent: int = 0) -> Callable[[F], F]:
    """Each user may call the function so often: "20/m" is twenty calls in any minute, of s, m, h
    and d; "20/m, 200/d" is both. `concurrent`: so many calls of theirs may wait or run at a time.
    """
    if not isinstance(rates, str) or not (rates or concurrent):
        raise TypeError('limit wants a rate in parentheses: @limit("20/m").')

    def decorate(fn: F) -> F:
        if isinstance(fn, staticmethod | classmethod):
            return typing.cast(F, type(fn)(_wrap(fn.__func__, rates, concurrent)))
        if not callable(fn) or inspect.isclass(fn):
            raise TypeError(f'@limit("20/m") is for functions; {fn!r} is none.')
        return typing.cast(F, _wrap(fn, rates, concurrent))

    make("", rates, concurrent)  # a mistake stands where it was made
    return decorate


def of_app(slug: str, text: str) -> frozenset[Limit]:
    """Of all functions of an app together. Raises `BadLimit`."""
    return frozenset({make(f"app.{slug}", text)}) if text else rates.NONE


def make(name: str, text: str, concurrent: int = 0) -> Limit:
    """Raises `BadLimit`."""
    if not isinstance(text, str):
        raise BadLimit(f'{text!r} is no rate: "20/m", "5/10s", "20/m, 200/d" are.')
    if not isinstance(concurrent, int) or concurrent < 0:
        raise BadLimit(f"concurrent={concurrent!r} is no number of calls.")
    return Limit(name, rates.parse(text) if text else (), concurrent)


def of_event(block_fn: "BlockFunction") -> frozenset[Limit]:
    """Those of a function. To show what it returned long ago costs nobody anything."""
    fn = block_fn.renderable.fn if block_fn.renderable else block_fn.fn
    return rates.NONE if callbacks.has_cached_examples(fn) else of(fn)


def of(fn: Any) -> frozenset[Limit]:
    return marks.of(fn, LIMITS)


def _wrap(fn: Callable[..., Any], text: str, concurrent: int) -> Callable[..., Any]:
    own = make(_name(fn), text, concurrent)

    def prepare(args: tuple[Any, ...], kwargs: dict[str, Any]) -> wrapping.Arguments:
        if passed := _unpaid(own):
            from gradio_ui import metering

            try:
                metering.charge({own}, passed.owner.user)
            except Exceeded as exceeded:
                _refuse(exceeded)
        return args, kwargs

    async def aprepare(args: tuple[Any, ...], kwargs: dict[str, Any]) -> wrapping.Arguments:
        if passed := _unpaid(own):
            from gradio_ui import metering

            try:
                await metering.acharge({own}, passed.owner.user)
            except Exceeded as exceeded:
                _refuse(exceeded)
        return args, kwargs

    wrapper = wrapping.wrap(fn, prepare, aprepare)
    setattr(wrapper, LIMITS, of(fn) | {own})
    return wrapper


def _name(fn: Callable[..., Any]) -> str:
    """Of a function, the same in every process."""
    function = wrapping.function_of(fn)
    code = getattr(function, "__code__", None)
    name = getattr(function, "__qualname__", wrapping.name_of(fn))
    return f"{function.__module__}.{name}:{code.co_firstlineno if code else 0}"


def _unpaid(own: Limit) -> "Passage | None":
    """Who makes this call, if the gate has not counted it and somebody has to."""
    call = running()
    if call is None:
        scope = callbacks.asking_scope()
        passed = passage.of(scope) if scope else None
        paid = passed.paid if passed else rates.NONE
    else:
        passed, paid = call.passed, frozenset(call.paid)
        call.paid.discard(own)
    return passed if passed and own not in paid and not passed.owner.is_exempt else None


def _refuse(exceeded: Exceeded) -> NoReturn:
    call = running()
    if call:
        from gradio import Error

        with languages.of(call.request.request.scope):  # type: ignore[union-attr]
            raise Error(
                exceeded.sentence, title=gettext("Error"), print_exception=False
            ) from exceeded
    # A component's server function runs outside of events.
    from starlette.exceptions import HTTPException

    with languages.of(callbacks.asking_scope()):
        raise HTTPException(429, exceeded.sentence, exceeded.headers) from exceeded
