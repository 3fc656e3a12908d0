"""Which function a request is for, as far as it says so before Gradio has it.

Only so that who may not call it hears of it at once. What decides is `gradio_ui.steps`.
"""

import re
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from gradio_ui import rules
from gradio_ui.compat import pages
from gradio_ui.rules import NONE, Rules

if TYPE_CHECKING:
    import gradio

_JOIN = re.compile(r"/gradio_api/(?:queue/join|(?:run|api)/(?P<name>[^/]+)/?)")
_CALL = re.compile(r"/gradio_api/call(?:/v2)?/(?P<name>[^/]+)/?")
_SERVER = re.compile(r"/gradio_api/component_server/?")
_NUMBER: TypeAdapter[int] = TypeAdapter(int)


def rules_for(blocks: "gradio.Blocks", path: str, fields: dict[str, Any]) -> Rules:
    """What must hold for a POST to `path` with a body of these fields."""
    if match := _JOIN.fullmatch(path):
        number, page = _number(fields.get("fn_index")), fields.get("session_hash")
        fn = pages.function(blocks, page, number, None if number is not None else match["name"])
    elif match := _CALL.fullmatch(path):
        fn = pages.function(blocks, None, None, match["name"])
    elif _SERVER.fullmatch(path):
        block = blocks.blocks.get(_number(fields.get("component_id")))  # type: ignore[arg-type]
        found = getattr(block, str(fields.get("fn_name")), None)
        return rules.of(found) if getattr(found, "_is_server_fn", False) else NONE
    else:
        return NONE
    required: Rules = blocks.call_function.rules(fn) if fn else NONE  # type: ignore[attr-defined]
    return required


def _number(value: Any) -> int | None:
    """As Gradio reads it: "3" and 3.0 are 3."""
    try:
        return _NUMBER.validate_python(value)
    except ValidationError:
        return None
