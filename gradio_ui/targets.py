"""Whether there is what a request asks for. If there is not, much of it is an error of the server
to Gradio."""

import re
from typing import TYPE_CHECKING, Any

from gradio_ui.compat import pages
from gradio_ui.intake import Intake
from gradio_ui.names import SESSION_HASH, Names

if TYPE_CHECKING:
    import gradio
    from gradio.block_function import BlockFunction

API_NAME, FN_INDEX, COMPONENT_ID = "api_name", "fn_index", "component_id"

_RANGE = r"(\d{1,18}-\d{0,18}|-\d{1,18})"
_ONE_RANGE = re.compile(rf"bytes={_RANGE}", re.ASCII)
_RANGES = re.compile(rf"bytes={_RANGE}(\s*,\s*{_RANGE})*", re.ASCII)


class NoSuchTarget(Exception):
    """There is no function or component of this name or number; says so."""


def check(blocks: "gradio.Blocks", in_path: dict[str, str], intake: Intake) -> None:
    """Raises `NoSuchTarget`."""
    fields = intake.fields
    is_event = in_path.get(API_NAME) or fields.get(FN_INDEX) is not None
    if is_event and not function(blocks, in_path, intake):
        raise NoSuchTarget("There is no such function.")
    if COMPONENT_ID in fields:
        number = _number(fields[COMPONENT_ID])
        if number is None or not pages.has_component(blocks, _page(intake), number):
            raise NoSuchTarget("There is no such component.")


def check_page(blocks: "gradio.Blocks", names: Names) -> None:
    """Raises `NoSuchTarget` for a page that has not sent an event to this process: Gradio would
    begin a stream and break it, with the word that makes a page reload itself."""
    if not all(pages.has_messages(blocks, page) for page in names.session_hashes):
        raise NoSuchTarget("There is nothing to listen to.")


def function(
    blocks: "gradio.Blocks", in_path: dict[str, str], intake: Intake
) -> "BlockFunction | None":
    """The function that an event is for, found as Gradio finds it."""
    name = in_path.get(API_NAME)
    index = intake.fields.get(FN_INDEX)
    if index is None:
        return pages.function(blocks, _page(intake), None, name) if name else None
    number = _number(index)
    return None if number is None else pages.function(blocks, _page(intake), number, None)


def _page(intake: Intake) -> str | None:
    page = intake.fields.get(SESSION_HASH)
    return page if isinstance(page, str) else None


def _number(value: Any) -> int | None:
    """As pydantic reads one."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if isinstance(value, str) or number == value else None


class BadRange(ValueError):
    """A Range header that means nothing."""


def is_one_range(given: str) -> bool:
    """Whether Gradio can read a Range header; of several ranges it cannot, and a server may send
    the whole file instead.

    Raises `BadRange`.
    """
    if not given.startswith("bytes=") or _ONE_RANGE.fullmatch(given):
        return True
    if not _RANGES.fullmatch(given):
        raise BadRange("The Range header cannot be read.")
    return False
