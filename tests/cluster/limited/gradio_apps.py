import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from gradio_ui import limit, register, with_session
from sessionstate import Session, clock


@limit("20/m")
@with_session
def ask(word: str, session: Session) -> str:
    """Answer a word."""
    return f"{word} asked"


@limit("2/m")
def plain(word: str) -> str:
    return f"{word} plain"


@limit("2/m")
async def coroutine(word: str) -> str:
    return f"{word} coroutine"


@limit("2/m")
def generator(word: str) -> Iterator[str]:
    yield "first"
    yield f"{word} generator"


@limit("2/m")
async def async_generator(word: str) -> AsyncIterator[str]:
    yield "first"
    yield f"{word} async_generator"


@limit("3/m")
def inner(word: str) -> str:
    return f"{word} inner"


@limit("3/m")
async def async_inner(word: str) -> str:
    return f"{word} async_inner"


def calls_it(word: str) -> str:
    """What Gradio knows of has no limit, and calls what has one."""
    return inner(word)


async def calls_async(word: str) -> str:
    return await async_inner(word)


def calls_twice(word: str) -> str:
    return inner(word) + inner(word)


@limit("2/m, 3/h")
def rare(word: str) -> str:
    return word


@limit(concurrent=2)
def hold(path: str, seconds: float) -> str:
    """Runs until there is such a file."""
    until = time.monotonic() + seconds
    while not Path(path).exists() and time.monotonic() < until:
        time.sleep(0.05)
    return path


@limit("2/m")
def helper(form: Any) -> str:
    return "helped"


def shift(seconds: float) -> float:
    clock.shift(seconds)
    return clock.offset()


def note(path: str, word: str) -> str:
    with Path(path).open("a") as file:
        file.write(f"{word}\n")
    time.sleep(0.1)
    return word


def wait(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def parts(demo: gr.Blocks) -> None:
    with demo:
        word, path, number = gr.Textbox(label="Word"), gr.Textbox(), gr.Number()
        answer = gr.Textbox(label="Answer")
        for fn in (
            *(ask, plain, coroutine, generator, async_generator, inner, async_inner),
            *(calls_it, calls_async, calls_twice, rare),
        ):
            name = fn.__name__
            gr.Button(name).click(fn, word, answer, api_name=name, concurrency_limit=None)
        free = {"concurrency_limit": None}
        gr.Button("Hold").click(hold, [path, number], answer, api_name="hold", **free)
        gr.Button("Shift").click(shift, number, number, api_name="shift", **free)
        gr.Button("Wait").click(wait, number, number, api_name="wait", **free)
        gr.Button("Note").click(note, [path, word], answer, api_name="note", concurrency_limit=1)
        gr.HTML(server_functions=[helper], elem_id="html")


@register("limited", title="Limited", mcp=True)
def build() -> gr.Blocks:
    demo = gr.Blocks()
    parts(demo)
    return demo


@register("open", title="Open to all", public=True, limit="3/h")
def build_open() -> gr.Blocks:
    return gr.Interface(lambda word: word, "text", "text", api_name="echo")
