"""Parts of a page that are drawn anew while others are (`gradio_ui.compat.renders`)."""

import inspect
from collections.abc import ItemsView
from typing import Any

import gradio as gr
import pytest
from gradio.blocks import BlocksConfig

from gradio_ui import compat

compat.prepare()


class Changing(dict[int, Any]):
    """Another thread changes it so many times, just when somebody looks through it."""

    times = 0

    def items(self) -> ItemsView[int, Any]:
        if self.times:
            self.times -= 1
            raise RuntimeError("dictionary changed size during iteration")
        return super().items()


@pytest.fixture
async def page() -> BlocksConfig:
    with gr.Blocks() as demo:
        gr.Textbox()
    return demo.default_config


async def test_who_describes_a_page_that_is_changed_looks_again(page: BlocksConfig) -> None:
    expected, blocks = page.get_config(), Changing(page.blocks)
    page.blocks = blocks
    blocks.times = 3
    assert page.get_config() == expected
    blocks.times = 1000
    with pytest.raises(RuntimeError, match="changed size"):
        page.get_config()


async def test_other_errors_are_told_at_once(
    page: BlocksConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def fails(*args: Any) -> None:
        calls.append(1)
        raise RuntimeError("something else")

    monkeypatch.setattr(page, "config_for_block", fails)
    with pytest.raises(RuntimeError, match="something else"):
        page.get_config()
    assert calls == [1]


def test_gradio_still_looks_through_what_other_threads_change() -> None:
    # As Gradio has it, below what is around it.
    source = inspect.getsource(BlocksConfig.get_config)
    assert "self.blocks.items()" in source, "see whether compat.renders is still needed"
