"""Which function or component a request is for, as far as it says so before Gradio has it.

Who may not call it hears of it at once, though what decides is `gradio_ui.steps`. And there must
be such a thing: if there is not, much of it is an error of the server to Gradio.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.translation import gettext_noop as _
from pydantic import TypeAdapter, ValidationError

from gradio_ui import limited, rates, rules
from gradio_ui.compat import pages
from gradio_ui.intake import Intake
from gradio_ui.names import SESSION_HASH, Names
from gradio_ui.rates import Limit
from gradio_ui.routes import Route, Target
from gradio_ui.rules import NONE, Rules

if TYPE_CHECKING:
    import gradio
    from gradio.block_function import BlockFunction

    from gradio_ui.steps import Steps

_NUMBER: TypeAdapter[int] = TypeAdapter(int)


class NoSuchTarget(Exception):
    """There is no function or component of this name or number; says so."""


class Found(NamedTuple):
    """What must hold for who asks for it, and what its call is counted for."""

    rules: Rules = NONE
    limits: frozenset[Limit] = rates.NONE


_NOTHING = Found()


def find(
    blocks: "gradio.Blocks", route: Route, in_path: Mapping[str, str], intake: Intake
) -> Found:
    """Raises `NoSuchTarget`."""
    if route.target is Target.NOTHING:
        return _NOTHING
    if route.target is Target.COMPONENT:
        return _component(blocks, intake.fields)
    name = in_path.get("api_name")
    index = intake.fields.get("fn_index") if route.target is Target.FUNCTION else None
    if name is None and index is None:
        return _NOTHING  # which Gradio sees
    page = intake.fields.get(SESSION_HASH)
    fn = _function(blocks, page, index, name)
    # What is written in JavaScript alone runs in the page.
    if fn is None or not fn.fn:
        raise NoSuchTarget(_("There is no such function."))
    steps: Steps = blocks.call_function  # type: ignore[assignment]
    return Found(steps.rules(fn), steps.limits(fn))


def check_page(blocks: "gradio.Blocks", names: Names) -> None:
    """Raises `NoSuchTarget` for a page that has not sent an event to this process: Gradio would
    begin a stream and break it, with the word that makes a page reload itself."""
    if not all(pages.has_messages(blocks, page) for page in names.session_hashes):
        raise NoSuchTarget(_("There is nothing to listen to."))


def _function(
    blocks: "gradio.Blocks", page: str | None, index: Any, name: str | None
) -> "BlockFunction | None":
    """As Gradio finds it: of a number and a name, the number counts."""
    if index is None:
        return pages.function(blocks, page, None, name)
    number = _number(index)
    return None if number is None else pages.function(blocks, page, number, None)


def _component(blocks: "gradio.Blocks", fields: Mapping[str, Any]) -> Found:
    number = _number(fields.get("component_id"))
    block = None if number is None else pages.component(blocks, fields.get(SESSION_HASH), number)
    if block is None:
        raise NoSuchTarget(_("There is no such component."))
    fn = getattr(block, str(fields.get("fn_name")), None)
    if not getattr(fn, "_is_server_fn", False):
        return _NOTHING
    return Found(rules.of(fn), limited.of(fn))


def _number(value: Any) -> int | None:
    """As Gradio reads it: "3" and 3.0 are 3."""
    try:
        return _NUMBER.validate_python(value)
    except ValidationError:
        return None
