"""Who may call a function: `@requires_group`, `@requires_permission`, `@requires_staff`.

    @requires_group("editors", "publishers")
    @with_session
    def publish(text: str, session: Session) -> str: ...

The rules are checked on the server by `gradio_ui.steps`, before the first step and again before
every further one, and by the gate where it can tell from a request which function it is for. The
function itself asks too, for when another callback calls it. A direct call, as a unit test makes
it, goes through.
"""

import inspect
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from gradio_ui import rules, wrapping
from gradio_ui.compat import callbacks
from gradio_ui.rules import Denied, Rule, Rules
from gradio_ui.running import is_building, running

if TYPE_CHECKING:
    from gradio_ui.permits import Permits

F = TypeVar("F", bound=Callable[..., Any])


def requires_group(*groups: str) -> Callable[[F], F]:
    """Only members of one of these Django groups, and superusers, may call the function."""
    return _requires("requires_group", groups, 'requires_group("analysts")', Rule(groups=groups))


def requires_permission(*permissions: str) -> Callable[[F], F]:
    """Only who has all of these Django permissions, `app.codename`, may call the function."""
    example = 'requires_permission("reports.publish")'
    found = (Rule(permission=permission) for permission in permissions)
    decorate = _requires("requires_permission", permissions, example, *found)
    if wrong := next((name for name in permissions if not all(name.partition("."))), None):
        raise TypeError(f"{wrong!r} is no permission: {example}.")
    return decorate


def requires_staff(fn: F) -> F:
    """Only staff may call the function."""
    return _requires("requires_staff", ("staff",), "requires_staff", Rule(staff=True))(fn)


def _requires(
    name: str, values: tuple[Any, ...], example: str, *required: Rule
) -> Callable[[F], F]:
    # `@requires_group` without parentheses has the function for its first group.
    if not values or not all(isinstance(value, str) and value for value in values):
        raise TypeError(f"{name} wants names in parentheses: @{example}.")

    def decorate(fn: F) -> F:
        if isinstance(fn, staticmethod | classmethod):
            return typing.cast(F, type(fn)(_wrap(fn.__func__, frozenset(required))))
        if not callable(fn) or inspect.isclass(fn):
            raise TypeError(f"@{example} is for functions; {fn!r} is none.")
        return typing.cast(F, _wrap(fn, frozenset(required)))

    return decorate


def _wrap(fn: Callable[..., Any], required: Rules) -> Callable[..., Any]:
    name = wrapping.name_of(fn)

    def prepare(args: tuple[Any, ...], kwargs: dict[str, Any]) -> wrapping.Arguments:
        if permits := _permits(name):
            with _told():
                permits.require(required)
        return args, kwargs

    async def aprepare(args: tuple[Any, ...], kwargs: dict[str, Any]) -> wrapping.Arguments:
        if permits := _permits(name):
            with _told():
                await permits.arequire(required)
        return args, kwargs

    wrapper = wrapping.wrap(fn, prepare, aprepare)
    setattr(wrapper, rules.RULES, rules.of(fn) | required)
    return wrapper


def _permits(name: str) -> "Permits | None":
    """Of who makes this call; `None` when nobody does, as in a unit test."""
    if call := running():
        return call.permits
    if is_building():
        raise rules.nobodys_call(name, True)
    scope = callbacks.asking_scope()
    if scope is None:
        return None
    if "user" not in scope:
        raise rules.nobodys_call(name, False)
    from gradio_ui.permits import Permits

    return Permits(scope["user"])


@contextmanager
def _told() -> Iterator[None]:
    """A component's server function runs outside of `gradio_ui.steps`, which would have a word
    for the page."""
    try:
        yield
    except Denied as denied:
        if running():
            raise
        from starlette.exceptions import HTTPException

        raise HTTPException(403, denied.rule.sentence) from denied
