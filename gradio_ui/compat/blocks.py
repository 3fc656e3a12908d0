"""What `launch()` would have done, and mounting does not."""

import hashlib
from typing import TYPE_CHECKING

from gradio_ui import rates
from gradio_ui.rates import Limit
from gradio_ui.rules import Rule
from gradio_ui.steps import Steps

if TYPE_CHECKING:
    import gradio


def mark_launched(blocks: "gradio.Blocks") -> None:
    """`processing_utils._check_allowed` lets any path of the server pass, `/etc/passwd` included,
    until this is set; and until the other is, every SVG that anybody uploads becomes a file that
    is shown to everybody as it is. Only `launch()` sets them."""
    blocks.has_launched = True
    blocks.is_running = True


def pin_id(blocks: "gradio.Blocks", slug: str) -> None:
    """A page that finds another `app_id` after a lost connection reloads itself. Gradio draws it
    at random in every process, so behind a balancer pages would reload for nothing. This one
    changes when the app does."""
    shape = [
        slug,
        *(block.get_block_name() for block in blocks.blocks.values()),
        *(f"{fn.api_name}:{len(fn.inputs)}:{len(fn.outputs)}" for fn in blocks.fns.values()),
    ]
    digest = hashlib.sha256("\n".join(shape).encode()).digest()
    # Below 2**53: JavaScript reads it as a number.
    blocks.app_id = int.from_bytes(digest[:6], "big")


def hook_calls(
    blocks: "gradio.Blocks", rule: Rule | None = None, limits: frozenset[Limit] = rates.NONE
) -> None:
    """Gradio has no hook around a callback. Every call of every kind of event (queue, `/run`,
    `/call`, MCP, validator, render, load, unload) and every step of a generator goes through
    this one method."""
    blocks.call_function = Steps(blocks.call_function, rule, limits)  # type: ignore
