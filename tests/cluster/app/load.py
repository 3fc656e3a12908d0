"""The app of `tests.cluster.load`: every function writes down that it ran, says in which process,
and what it has found of what was kept before."""

import time
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
from django.conf import settings

from gradio_ui import register, with_session
from gradio_ui.cluster import process
from sessionstate import Session, TabState
from tests.cluster.app import LEDGER


def note(token: str, word: str) -> None:
    """One line, whichever process and thread writes it."""
    with (Path(settings.GRADIOSESSION_DATA_DIR) / LEDGER).open("ab", buffering=0) as file:
        file.write(f"{token} {word} {process.ID}\n".encode())


def tick(token: str, count: int) -> tuple[str, int, int]:
    note(token, "begun")
    return process.ID, count + 1, count + 1


def weigh(token: str, file: str, count: int) -> tuple[str, int, int, int]:
    note(token, "begun")
    return process.ID, count + 1, Path(file).stat().st_size, count + 1


@with_session
def keep(token: str, tab: TabState, session: Session) -> tuple[str, list[str]]:
    note(token, "begun")
    tab["tokens"] = [*tab.get("tokens", []), token]
    session["last"] = token
    return process.ID, tab["tokens"]


def walk(token: str, steps: float, pause: float) -> Iterator[tuple[str, int]]:
    note(token, "begun")
    try:
        for step in range(int(steps)):
            time.sleep(pause)
            yield process.ID, step
    finally:
        note(token, "ended")


@register("load", title="Load")
def build() -> gr.Blocks:
    with gr.Blocks() as demo:
        counted = gr.State(0)
        token, where, file = gr.Textbox(), gr.Textbox(), gr.File()
        number, other, tokens = gr.Number(0), gr.Number(0), gr.JSON()
        button, every = gr.Button("Go"), {"concurrency_limit": None}
        ticked = [where, number, counted]
        button.click(tick, [token, counted], ticked, api_name="tick", **every)
        weighed = [where, number, other, counted]
        button.click(weigh, [token, file, counted], weighed, api_name="weigh", **every)
        button.click(keep, token, [where, tokens], api_name="keep", **every)
        button.click(walk, [token, number, other], [where, other], api_name="walk", **every)
    return demo
