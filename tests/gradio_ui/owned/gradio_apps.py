import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from gradio_ui import register

HERE = Path(__file__).parent
SHARED = HERE / "shared"


def keep(word: str, kept: list[str]) -> tuple[list[str], list[str]]:
    kept = [*kept, word]
    return kept, kept


def count(limit: float) -> Iterator[int]:
    for number in range(1, int(limit) + 1):
        yield number
        time.sleep(0.05)


def paint(colour: str) -> Image.Image:
    return Image.new("RGB", (8, 8), colour)


def paint_slowly(colour: str) -> Iterator[Image.Image]:
    for size in (8, 9):
        yield Image.new("RGB", (size, size), colour)


def sizes(images: list[Any]) -> list[list[Any]]:
    time.sleep(0.2)
    return [images]


def fail_with(word: str) -> str:
    if word == "told":
        raise gr.Error("A word for the user.", print_exception=False)
    raise RuntimeError("postgres://user:password@host")


def check(word: str) -> None:
    fail_with(word)


def describe(event_id: str, component_id: str, session_hash: str) -> str:
    """Arguments whose names are Gradio's too."""
    return f"{event_id} {component_id} {session_hash}"


@register("owned", allowed_paths=[str(SHARED)], max_file_size="2mb")
def build_owned() -> gr.Blocks:
    with gr.Blocks() as demo:
        kept = gr.State([])
        word, words, number = gr.Textbox(), gr.JSON(), gr.Number()
        file, image = gr.File(), gr.Image(str(HERE / "sample.png"))
        gr.Button().click(keep, [word, kept], [kept, words], api_name="keep")
        gr.Button().click(count, number, number, api_name="count", concurrency_limit=None)
        gr.Button().click(lambda path: path, file, file, api_name="echo")
        gr.Button().click(lambda path: path, word, file, api_name="echo_path")
        gr.Button().click(lambda value: value, words, words, api_name="echo_json")
        gr.Button().click(lambda image: image, image, image, api_name="echo_image")
        gr.Button().click(paint, word, image, api_name="paint")
        gr.Button().click(paint_slowly, word, image, api_name="paint_slowly")
        gr.Button().click(sizes, image, image, api_name="batch", batch=True, max_batch_size=8)
        gr.Button().click(fail_with, word, word, api_name="fail_with")
        gr.Button().click(fail_with, word, word, api_name="validated", validator=check)
        gr.Button().click(describe, [word, word, word], word, api_name="describe")
        gr.Examples([["red"]], word, image, paint, cache_examples=True, api_name="examples")
    return demo


@register("owned-2", order=901)
def build_other() -> gr.Blocks:
    with gr.Blocks() as demo:
        word, file, image = gr.Textbox(), gr.File(), gr.Image(str(HERE / "sample.png"))
        gr.Button().click(lambda path: path, file, file, api_name="echo")
        gr.Button().click(lambda path: path, word, file, api_name="echo_path")
        gr.Button().click(paint, word, image, api_name="paint")
    return demo
