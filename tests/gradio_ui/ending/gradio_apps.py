import os
import time
from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from gradio_ui import register, with_session
from sessionstate import Session, UserState


def trace(name: str, word: str) -> None:
    with Path(os.environ["TRACES"], name).open("a") as file:
        file.write(f"{word}\n")


@with_session
def ticks(name: str, session: Session, state: UserState) -> Iterator[int]:
    number = 0
    try:
        while True:
            number += 1
            trace(name, "tick")
            session["reached"] = number
            yield number
            time.sleep(0.1)
    finally:
        state["closed"] = session["closed"] = True
        trace(name, "closed")


def wait_for(name: str) -> None:
    end = time.monotonic() + 40
    while not Path(os.environ["TRACES"], name).exists() and time.monotonic() < end:
        time.sleep(0.05)


@with_session
def slow(name: str, state: UserState) -> str:
    trace(name, "slow begins")
    wait_for(f"{name}.done")
    state["slow"] = True
    state.save()
    trace(name, "slow saved")
    return "the result"


def served(name: str) -> str:
    """Of a component; no event runs it."""
    trace(name, "served begins")
    wait_for(f"{name}.done")
    return "the result"


def alone(name: str) -> str:
    trace(name, "alone")
    wait_for(f"{name}.done")
    return name


@register("ending", groups=["analysts"], mcp=True)
def build_ending() -> gr.Blocks:
    with gr.Blocks() as demo:
        name, number = gr.Textbox(), gr.Number()
        gr.Button().click(ticks, name, number, api_name="ticks", concurrency_limit=None)
        gr.Button().click(slow, name, name, api_name="slow", concurrency_limit=None)
        gr.Button().click(alone, name, name, api_name="alone", concurrency_limit=1)
        gr.HTML(server_functions=[served], elem_id="server")
    return demo
