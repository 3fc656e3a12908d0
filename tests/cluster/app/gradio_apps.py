import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from gradio_ui import register, with_session
from sessionstate import TabState
from tests.cluster.app import load  # noqa: F401


def count(number: int) -> tuple[int, int]:
    """In gr.State: how often this page has called."""
    return number + 1, number + 1


@with_session
def note(word: str, tab: TabState) -> list[str]:
    tab["words"] = [*tab.get("words", []), word]
    words: list[str] = tab["words"]
    return words


def process() -> int:
    return os.getpid()


def steps(number: float, pause: float) -> Iterator[str]:
    for step in range(int(number)):
        time.sleep(pause)
        yield f"{os.getpid()}:{step}"


def write(path: str, line: str, seconds: float) -> int:
    """Appends a line, and is busy for a while after."""
    with Path(path).open("a") as file:
        file.write(f"{line}\n")
    time.sleep(seconds)
    return os.getpid()


def burn(rounds: float) -> int:
    return sum(number * number for number in range(int(rounds)))


def size(file: str) -> int:
    return Path(file).stat().st_size


def ask(word: str) -> str:
    return f"{os.getpid()} {word}"


def take(form: Any) -> str:
    """`form`: what a multipart body brought."""
    return f"{os.getpid()} {form.data['word']}"


def tell(word: str) -> str:
    """In the log."""
    logging.getLogger("app").warning("told %s", word)
    return word


def fail(kind: str) -> str:
    if kind == "word":
        raise gr.Error("A word for the user.", print_exception=False)
    raise LookupError(f"failed on purpose: {kind}")


@register("cluster", title="Cluster", mcp=True)
def build() -> gr.Blocks:
    with gr.Blocks() as demo:
        counted = gr.State(0)
        text, other = gr.Textbox(), gr.Textbox()
        number, pause = gr.Number(0), gr.Number(0)
        answer, file = gr.JSON(), gr.File()
        every = {"concurrency_limit": None}
        gr.Button("Count").click(count, counted, [number, counted], api_name="count", **every)
        gr.Button("Note").click(note, text, answer, api_name="note", **every)
        gr.Button("Process").click(process, None, number, api_name="process", **every)
        gr.Button("Steps").click(steps, [number, pause], text, api_name="steps", **every)
        gr.Button("Write").click(write, [text, other, pause], number, api_name="write", **every)
        gr.Button("Burn").click(burn, number, number, api_name="burn", **every)
        gr.Button("Size").click(size, file, number, api_name="size", **every)
        gr.Button("Tell").click(tell, text, text, api_name="tell", **every)
        gr.Button("Fail").click(fail, text, text, api_name="fail", **every)
        gr.HTML(server_functions=[ask, take], elem_id="html")
        gr.DeepLinkButton()
    return demo
