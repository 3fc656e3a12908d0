import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Iterator

import gradio as gr

from gradio_ui import register, with_session
from sessionstate import Session


@with_session
def remember(key: str, value: str, session: Session) -> str:
    session[key] = value
    return value


@with_session
def recall(key: str, session: Session) -> str:
    return str(session.get(key, ""))


@with_session
def mingle(token: str, session: Session, request: gr.Request) -> dict[str, object]:
    """Notes `token` under a key of its own; answers who is asking and all tokens so far."""
    session[f"token:{token}"] = token
    time.sleep(random.uniform(0, 0.05))
    tokens = sorted(value for key, value in session.items() if key.startswith("token:"))
    return {"user": request.username, "tokens": tokens}


@with_session
async def count_up(limit: float, session: Session) -> AsyncIterator[int]:
    for number in range(1, int(limit) + 1):
        session["reached"] = number
        yield number
        await asyncio.sleep(0.05)


def forever() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number
        time.sleep(0.2)


def process() -> int:
    return os.getpid()


def capitals(word: str) -> str:
    return word.title()


ON_OPENING = "() => { document.body.dataset.opened = 'yes' }"
STATEMENTS = "const answer = 6 * 7; document.body.dataset.answer = answer"


@register("scripts", title="Scripts", order=901, js=ON_OPENING)
def build_scripts() -> gr.Blocks:
    """Every form of `js=`, of an app that may not run JavaScript from strings."""
    with gr.Blocks() as demo:
        word, answer = gr.Textbox(label="Word"), gr.Textbox(label="Answer")
        gr.Button("Upper").click(None, word, answer, js="(word) => word.toUpperCase();")
        gr.Button("Twice").click(capitals, word, answer, js="async (word) => word + word")
        gr.Button("State").click(None, js=STATEMENTS)
        gr.ClearButton([word, answer])
    return demo


def wait(seconds: float) -> str:
    time.sleep(seconds)
    return "waited"


@register(
    "dressed",
    title="Dressed",
    order=902,
    theme=gr.themes.Base().set(body_background_fill="#102030", body_background_fill_dark="#102030"),
    css=".spaced { letter-spacing: 3px }",
    head='<meta name="author" content="Ada">',
    queue={"max_size": 1, "default_concurrency_limit": 1},
)
def build_dressed() -> gr.Blocks:
    """With all that an app may say of its looks, and a short queue."""
    with gr.Blocks() as demo:
        gr.Markdown("Look at me", elem_classes="spaced")
        seconds, said = gr.Number(label="Seconds"), gr.Textbox(label="Said")
        gr.Button("Wait").click(wait, seconds, said, api_name="wait")
    return demo


@register("probe", title="Probe", order=900)
def build() -> gr.Blocks:
    with gr.Blocks() as demo:
        key, value = gr.Textbox(label="Key"), gr.Textbox(label="Value")
        answer = gr.JSON()
        number = gr.Number(label="Number")
        gr.Button("Remember").click(remember, [key, value], value, api_name="remember")
        gr.Button("Recall").click(recall, key, value, api_name="recall")
        gr.Button("Mingle").click(mingle, value, answer, api_name="mingle", concurrency_limit=None)
        gr.Button("Count").click(count_up, number, number, api_name="count_up")
        gr.Button("Run for ever").click(forever, None, number, api_name="forever")
        gr.Button("Process").click(process, None, number, api_name="process")
    return demo
