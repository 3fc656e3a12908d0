"""The measured Blocks, which know neither Django nor this project."""

from collections.abc import Callable

import gradio as gr

CLIENTS = 20
# Rounds of a loop: some 60 ms.
BURN = 1_000_000


def echo(text: str) -> str:
    return text


def burn(text: str) -> str:
    """Takes a core for a while, in Python."""
    sum(number * number for number in range(BURN))
    return text


def build(visit: Callable[..., str]) -> gr.Blocks:
    with gr.Blocks() as demo:
        text = gr.Textbox()
        text.submit(echo, text, text, concurrency_limit=CLIENTS)
        text.change(visit, text, text, concurrency_limit=CLIENTS)
        text.blur(burn, text, text, concurrency_limit=CLIENTS)
    return demo
