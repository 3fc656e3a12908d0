"""Callbacks that count, fail, go on for ever and store too much."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import gradio as gr

from gradio_ui import current_session, register, with_session
from sessionstate import Session, TabState


def add_one(state: Any, key: str) -> int:
    # Nested, so the change must be found without an assignment.
    state.setdefault(key, {"count": 0})["count"] += 1
    count: int = state[key]["count"]
    return count


@with_session
def plain(word: str, session: Session) -> str:
    return f"{word} {add_one(session, 'plain')}"


@with_session
async def mixed(session: Session, word: str, tab: TabState, times: int = 1) -> AsyncIterator[str]:
    for _ in range(2):
        yield f"{word * times} {add_one(session, 'mixed')} {add_one(tab, 'mixed')}"


@register("matrix")
def build_matrix() -> gr.Blocks:
    with gr.Blocks() as demo:
        word, answer = gr.Textbox(), gr.Textbox()
        gr.Button().click(plain, word, answer, api_name="plain")
        gr.Button().click(mixed, word, answer, api_name="mixed")
    return demo


# ChatInterface ----------------------------------------------------------------------------


@with_session
def reply(message: str, history: list[Any], session: Session) -> str:
    return f"{message} {add_one(session, 'reply')}"


@with_session
async def reply_slowly(
    session: Session, message: str, history: list[Any], louder: bool, tab: TabState
) -> AsyncIterator[str]:
    for _ in range(2):
        yield f"{message}{'!' if louder else ''} {add_one(session, 'slow')} {add_one(tab, 'slow')}"


@register("chat")
def build_chat() -> gr.Blocks:
    return gr.ChatInterface(reply, api_name="reply")


@register("slow-chat")
def build_slow_chat() -> gr.Blocks:
    return gr.ChatInterface(
        reply_slowly, additional_inputs=[gr.Checkbox(label="louder")], api_name="reply"
    )


# What else can happen to a step -----------------------------------------------------------


def by_request(request: gr.Request) -> list[Any]:
    assert request.session is request.state.session is current_session()
    return [request.username, add_one(request.session, "by_request")]


def deep_inside() -> int:
    return add_one(current_session(), "deep_inside")


async def deep_inside_async() -> int:
    await current_session().aload()
    return add_one(current_session(), "deep_inside_async")


def without() -> str:
    return "nothing to load"


@with_session
def fail(word: str, session: Session) -> str:
    session["failed"] = word
    raise RuntimeError("a secret that must not be told: postgres://user:password@host")


@with_session
def fail_later(word: str, session: Session) -> Iterator[str]:
    session["reached"] = "first"
    yield word
    session["reached"] = "second"
    raise RuntimeError("a secret")


@with_session
def long_run(word: str, session: Session) -> Iterator[int]:
    try:
        for number in itertools.count(1):
            session["number"] = number
            yield number
            time.sleep(0.05)
    finally:
        session["ended"] = word


@with_session
def slow(word: str, session: Session) -> str:
    session["slow"] = word
    time.sleep(1)
    return word


@with_session
async def slow_async(word: str, session: Session) -> str:
    session["slow_async"] = word
    await asyncio.sleep(60)
    return word


@with_session
def each_chunk(word: str, session: Session) -> Iterator[int]:
    """For a stream of input, which has a time limit."""
    try:
        for number in itertools.count(1):
            session["chunk"] = number
            time.sleep(0.3)
            yield number
    finally:
        session["chunks_ended"] = word


@with_session
def picked(session: Session, event: gr.SelectData, word: str) -> str:
    session["picked"] = [event.value, *session.get("picked", [])]
    return f"{word} {session['picked']}"


@with_session
def liked(word: str, event: gr.LikeData, session: Session) -> str:
    session["liked"] = event.liked
    return f"{word} {event.index}"


@with_session
def in_turn(word: str, session: Session) -> str:
    """One at a time."""
    time.sleep(1 if word == "first" else 0)
    session["turns"] = [*session.get("turns", []), word]
    return " ".join(session["turns"])


@with_session
def store_too_much(word: str, session: Session) -> str:
    session["kept"] = word
    session["big"] = "x" * 6_000_000
    return word


@with_session
def show(key: str, session: Session) -> list[Any]:
    return [session.get(key)]


@with_session
def is_short(word: str, session: Session) -> Any:
    add_one(session, "validated")
    return gr.validate(len(word) < 5, "too long")


def seen(request: gr.Request) -> dict[str, Any]:
    """What a callback finds of the request."""
    return {"headers": dict(request.headers), "cookies": dict(request.cookies)}


@register("steps")
def build_steps() -> gr.Blocks:
    with gr.Blocks() as demo:
        word, answer, number = gr.Textbox(), gr.JSON(), gr.Number()

        @gr.render(inputs=word)
        @with_session
        def rendered(word: str, session: Session) -> None:
            gr.Markdown(f"rendered {word} {add_one(session, 'rendered')}")

        gr.Button().click(by_request, None, answer, api_name="by_request")
        gr.Button().click(deep_inside, None, number, api_name="deep_inside")
        gr.Button().click(deep_inside_async, None, number, api_name="deep_inside_async")
        gr.Button().click(without, None, word, api_name="without")
        gr.Button().click(fail, word, word, api_name="fail")
        gr.Button().click(fail_later, word, word, api_name="fail_later")
        gr.Button().click(long_run, word, number, api_name="long_run", concurrency_limit=None)
        gr.Button().click(slow, word, word, api_name="slow")
        gr.Button().click(slow_async, word, word, api_name="slow_async")
        gr.Button().click(in_turn, word, word, api_name="in_turn", concurrency_limit=1)
        word.select(picked, word, word, api_name="picked", queue=False)
        gr.Chatbot().like(liked, word, word, api_name="liked", queue=False)

        @with_session
        def of_a_set(found: dict[gr.Textbox, str], session: Session) -> str:
            return f"{found[word]} {add_one(session, 'of_a_set')}"

        gr.Button().click(of_a_set, {word}, word, api_name="of_a_set", queue=False)
        image = gr.Image(streaming=True)
        image.stream(each_chunk, word, number, api_name="each_chunk", time_limit=1)
        gr.Button().click(store_too_much, word, word, api_name="store_too_much")
        gr.Button().click(show, word, answer, api_name="show")
        gr.Button().click(seen, None, answer, api_name="seen")
        gr.Button().click(lambda file: file, gr.File(), word, api_name="read_file")
        gr.Button().click(show, word, answer, api_name="validated", validator=is_short)
    return demo
