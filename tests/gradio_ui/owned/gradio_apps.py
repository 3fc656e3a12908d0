import time
from collections.abc import Iterator

import gradio as gr

from gradio_ui import register


def keep(word: str, kept: list[str]) -> tuple[list[str], list[str]]:
    kept = [*kept, word]
    return kept, kept


def count(limit: float) -> Iterator[int]:
    for number in range(1, int(limit) + 1):
        yield number
        time.sleep(0.05)


@register("owned")
def build_owned() -> gr.Blocks:
    with gr.Blocks() as demo:
        kept = gr.State([])
        word, words, number = gr.Textbox(), gr.JSON(), gr.Number()
        gr.Button().click(keep, [word, kept], [kept, words], api_name="keep")
        gr.Button().click(count, number, number, api_name="count", concurrency_limit=None)
    return demo
