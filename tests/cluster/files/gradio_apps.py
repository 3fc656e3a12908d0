import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
from PIL import Image

from gradio_ui import local_file, register, with_session
from sessionstate import UserState


@with_session
def hold(path: str, state: UserState) -> list[int]:
    """Keeps the path of what was uploaded."""
    state["path"] = path
    return [os.getpid(), Path(path).stat().st_size]


@with_session
def held(state: UserState) -> str:
    path: str = state["path"]
    return path


@with_session
def read(state: UserState) -> list[object]:
    return [os.getpid(), local_file(state["path"]).read_text()]


def paint(colour: str) -> Image.Image:
    return Image.new("RGB", (8, 8), colour)


def paint_slowly(colour: str) -> Iterator[Image.Image]:
    for size in (8, 9, 10):
        yield Image.new("RGB", (size, size), colour)
        time.sleep(0.05)


def noise() -> Image.Image:
    """Different in each process."""
    return Image.frombytes("L", (8, 8), random.randbytes(64))


@register("files", title="Files", max_file_size="2mb", order=930)
def build() -> gr.Blocks:
    with gr.Blocks() as demo:
        word, answer = gr.Textbox(), gr.JSON()
        file, image = gr.File(), gr.Image(noise())
        gr.Button("Hold").click(hold, file, answer, api_name="hold")
        gr.Button("Held").click(held, None, file, api_name="held")
        gr.Button("Read").click(read, None, answer, api_name="read")
        gr.Button("Paint").click(paint, word, image, api_name="paint")
        gr.Button("Slowly").click(paint_slowly, word, image, api_name="paint_slowly")
        gr.DeepLinkButton()
    return demo
