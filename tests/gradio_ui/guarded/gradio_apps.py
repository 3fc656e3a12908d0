"""Functions of every kind that are not for everybody, and a list of those that ran."""

import functools
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import gradio as gr

from gradio_ui import (
    register,
    requires_group,
    requires_permission,
    requires_staff,
    with_session,
)
from sessionstate import Session, UserState

ran: list[str] = []
for_members = requires_group("editors", "analysts")


def note(name: str, word: str, session: Session | None = None) -> str:
    ran.append(name)
    return f"{name} {word} {'' if session is None else 'with a session'}".strip()


@for_members
def plain(word: str) -> str:
    return note("plain", word)


@for_members
async def coroutine(word: str) -> str:
    return note("coroutine", word)


@for_members
def generator(word: str) -> Iterator[str]:
    yield "first"
    yield note("generator", word)


@for_members
async def async_generator(word: str) -> AsyncIterator[str]:
    yield "first"
    yield note("async_generator", word)


@for_members
@with_session
def session_inside(word: str, session: Session) -> str:
    return note("session_inside", word, session)


@with_session
@for_members
def session_outside(session: Session, word: str) -> str:
    return note("session_outside", word, session)


@with_session
@for_members
async def async_session(word: str, session: Session) -> AsyncIterator[str]:
    yield note("async_session", word, session)


@for_members
def with_request(word: str, request: gr.Request) -> str:
    assert request.username
    return note("with_request", word)


def two(name: str, word: str) -> str:
    return note(name, word)


class Desk:
    @for_members
    def method(self, word: str) -> str:
        return note("method", word)

    @for_members
    @classmethod
    def of_class(cls, word: str) -> str:
        return note("of_class", word)

    @for_members
    @staticmethod
    def static(word: str) -> str:
        return note("static", word)


class Called:
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, word: str) -> str:
        return note(self.name, word)


class CalledWithRule:
    @for_members
    def __call__(self, word: str) -> str:
        return note("rule_on_call", word)


# They carry no rule themselves: the decorated function asks when it is called.
def calls_it(word: str) -> str:
    return plain(word).replace("plain", "calls_it")


async def calls_plain_on_the_loop(word: str) -> str:
    return plain(word).replace("plain", "calls_plain_on_the_loop")


async def awaits_it(word: str) -> str:
    return (await coroutine(word)).replace("coroutine", "awaits_it")


def iterates_it(word: str) -> Iterator[str]:
    for result in generator(word):
        yield result.replace("generator", "iterates_it")


KINDS: dict[str, Callable[..., Any]] = {
    "plain": plain,
    "coroutine": coroutine,
    "generator": generator,
    "async_generator": async_generator,
    "session_inside": session_inside,
    "session_outside": session_outside,
    "async_session": async_session,
    "with_request": with_request,
    "method": Desk().method,
    "of_class": Desk.of_class,
    "static": Desk.static,
    "callable_object": for_members(Called("callable_object")),
    "rule_on_call": CalledWithRule(),
    "partial": for_members(functools.partial(two, "partial")),
    "partial_of_it": functools.partial(for_members(two), "partial_of_it"),
    "bound_later": for_members(Called("bound_later").__call__),
    "calls_it": calls_it,
    "calls_plain_on_the_loop": calls_plain_on_the_loop,
    "awaits_it": awaits_it,
    "iterates_it": iterates_it,
}
# What only shows itself when it is called.
HIDDEN = ("calls_it", "calls_plain_on_the_loop", "awaits_it", "iterates_it")


@requires_permission("auth.view_group")
def permitted(word: str) -> str:
    return note("permitted", word)


@requires_staff
def for_staff(word: str) -> str:
    return note("for_staff", word)


@requires_staff
@requires_group("analysts")
def both(word: str) -> str:
    return note("both", word)


@for_members
def long_run(word: str) -> Iterator[int]:
    try:
        for number in range(10_000):
            yield number
            time.sleep(0.05)
    finally:
        ran.append(f"end of {word}")


def what_ran() -> list[str]:
    return list(ran)


def validator(word: str) -> Any:
    ran.append(f"validator {word}")
    return gr.validate(True, "")


def step(name: str) -> Callable[[str], str]:
    def run(word: str) -> str:
        return note(name, word)

    return run


@register("guarded")
def build() -> gr.Blocks:
    with gr.Blocks() as demo:
        word, answer = gr.Textbox(), gr.Textbox()
        number, seen = gr.Number(), gr.JSON()
        for name, fn in KINDS.items():
            gr.Button().click(fn, word, answer, api_name=name)
        gr.Button().click(permitted, word, answer, api_name="permitted")
        gr.Button().click(for_staff, word, answer, api_name="for_staff")
        gr.Button().click(both, word, answer, api_name="both")
        gr.Button().click(plain, word, answer, api_name="at_once", queue=False)
        gr.Button().click(plain, word, answer, api_name="validated", validator=validator)
        gr.Button().click(long_run, word, number, api_name="long_run", concurrency_limit=None)
        gr.Button().click(what_ran, None, seen, api_name="what_ran", queue=False)
        gr.api(for_members(step("api")), api_name="api")
        gr.Timer(3600).tick(plain, word, answer, api_name="timer")
        demo.load(plain, word, answer, api_name="load")

        chain = gr.Button("Publish").click(plain, word, answer, api_name="chain_first")
        chain.success(step("after success"), word, answer, api_name="chain_success")
        chain.then(for_members(step("then")), word, answer, api_name="chain_then")

        @gr.render(inputs=word)
        @for_members
        def rendered(word: str) -> None:
            gr.Markdown(note("rendered", word))

    return demo


@for_members
def reply(message: str, history: list[Any]) -> str:
    return note("reply", message)


@register("guarded-chat")
def build_chat() -> gr.Blocks:
    return gr.ChatInterface(reply, api_name="reply")


@register("guarded-app", groups=["analysts"])
def build_app() -> gr.Blocks:
    with gr.Blocks() as demo:
        number = gr.Number()
        gr.Button().click(long_open_run, None, number, api_name="long_run")
    with demo.route("More", "/more"):
        gr.Markdown("More.")
    return demo


def long_open_run() -> Iterator[int]:
    for number in range(10_000):
        yield number
        time.sleep(0.05)


@for_members
def serve(word: str) -> str:
    return note("served", word)


@register("guarded-examples")
def build_examples() -> gr.Blocks:
    with gr.Blocks() as demo:
        word, answer = gr.Textbox(), gr.Textbox()
        # Shown to whom a member has shown them first, if nobody took care.
        gr.Examples(["a"], word, answer, plain, cache_examples=True, cache_mode="lazy")
        gr.HTML(server_functions=[serve])
    return demo


# Tools ------------------------------------------------------------------------------------


def whoami(request: gr.Request) -> str:
    """Who is asking."""
    return str(request.username)


@with_session
def count(word: str, session: Session) -> str:
    """Counts the calls of a login."""
    with session.atomic():
        session["count"] = session.get("count", 0) + 1
        return f"{word} {session['count']}"


@with_session
def remember(word: str, state: UserState) -> str:
    """Keeps the words of a person."""
    state["words"] = [*state.get("words", []), word]
    return " ".join(state["words"])


def count_slowly(steps: int, progress: gr.Progress = gr.Progress()) -> Iterator[int]:  # noqa: B008
    """Counts and tells how far it is."""
    for number in range(int(steps)):
        progress((number, int(steps)), desc="counting")
        yield number + 1
        time.sleep(0.1)


def length(path: str) -> int:
    """The length of a file."""
    with open(path, "rb") as file:
        return len(file.read())


def write_file(word: str) -> str:
    """A file with a word in it."""
    handle, path = tempfile.mkstemp(suffix=".txt")
    os.write(handle, word.encode())
    os.close(handle)
    return path


def fail(word: str) -> str:
    """Fails."""
    raise RuntimeError("a secret: postgres://user:password@host")


def complain(word: str) -> str:
    """Says what is wrong."""
    raise gr.Error(f"{word} is wrong")


@gr.mcp.prompt()
def greeting(name: str) -> str:
    """Words of welcome."""
    return f"Say hello to {name}."


@gr.mcp.resource("notes://{name}")
def notes(name: str) -> str:
    """Notes."""
    return f"notes of {name}"


@register("tools", mcp=True)
def build_tools() -> gr.Blocks:
    with gr.Blocks() as demo:
        word, answer, number = gr.Textbox(), gr.Textbox(), gr.Number()
        for fn in (count, remember, plain, fail, complain, greeting, notes):
            gr.Button().click(fn, word, answer, api_name=fn.__name__)
        gr.Button().click(whoami, None, answer, api_name="whoami")
        gr.Button().click(count_slowly, number, number, api_name="count_slowly")
        gr.Button().click(length, gr.File(), number, api_name="length")
        gr.Button().click(write_file, word, gr.File(), api_name="write_file")
        for fn in (count, plain, fail, complain):
            gr.Button().click(fn, word, answer, api_name=f"{fn.__name__}_now", queue=False)
    return demo
