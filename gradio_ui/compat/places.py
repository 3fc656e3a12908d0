"""Around every event: the place of its files.

An event runs in a task of the queue, apart from the request that made it. All events of every kind
go through `Blocks.process_api`, which reads the inputs, calls the function, and stores the outputs.
"""

import json
import logging
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_noop as _
from starlette.types import Scope

from gradio_ui import passage, places, telling
from gradio_ui.places import Place

if TYPE_CHECKING:
    import gradio

logger = logging.getLogger(__name__)


def hook_events(blocks: "gradio.Blocks", slug: str) -> None:
    import gradio

    original = blocks.process_api

    async def process_api(
        block_fn: Any, inputs: Any, state: Any = None, request: Any = None, **kwargs: Any
    ) -> Any:
        with places.entered(_place(slug, request)):
            try:
                return await original(block_fn, inputs, state, request, **kwargs)
            except gradio.Error as error:
                if hasattr(error, "is_untold"):
                    raise telling.error(_scope(request), error.message) from error.__cause__
                raise
            except Exception as error:
                if not getattr(block_fn, "is_validator_function", False):
                    raise
                # Of this one kind of function Gradio tells the client every exception.
                logger.exception("A validator failed.")
                sentence = _("The input could not be checked.")
                raise telling.error(_scope(request), sentence) from error

    blocks.process_api = process_api  # type: ignore[method-assign, assignment]


def _place(slug: str, requests: Any) -> Place:
    """Where the files of these requests are: one, or those of a batch."""
    of = requests if isinstance(requests, list) else [requests]
    users = {user_of(getattr(request, "request", None)) for request in of}
    if users == {None}:
        # Not a request at all: an example that is being cached. Or one that passed no gate.
        return places.current()
    return Place(slug, users.pop() if len(users) == 1 else "")


def _scope(requests: Any) -> Scope | None:
    first = requests[0] if isinstance(requests, list) else requests
    request = getattr(first, "request", None)
    return request.scope if request is not None else None


def user_of(request: Any) -> str | None:
    """Of a Starlette request; `None` when it passed no gate."""
    passed = passage.of(request.scope) if request is not None else None
    return passed.owner.user if passed else None


def carries_files(fn: Any) -> bool:
    """Whether a function takes or returns files, as far as its components say."""
    models = {getattr(block, "data_model", None) for block in (*fn.inputs, *fn.outputs)}
    return any("gradio.FileData" in json.dumps(m.model_json_schema()) for m in models if m)
