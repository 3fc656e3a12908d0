"""Functions of every kind that count in every scope. Each counts under a key of its own."""

import functools
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import gradio as gr

from gradio_ui import current_session, register, with_session
from sessionstate import Session, TabState, UserState

SCOPES = {"session": Session, "user": UserState, "tab": TabState}


def add_one(state: Any, key: str) -> int:
    # Nested, so the change must be found without an assignment.
    state.setdefault(key, {"count": 0})["count"] += 1
    count: int = state[key]["count"]
    return count


def kinds(scope: type[Any], name: str) -> dict[str, Callable[..., Any]]:
    """One function of each kind; `name` tells the keys of two scopes apart."""

    @with_session
    def plain(word: str, state: scope) -> str:
        return f"{word} {add_one(state, f'plain-{name}')}"

    @with_session
    async def coroutine(word: str, state: scope) -> str:
        return f"{word} {add_one(state, f'coroutine-{name}')}"

    @with_session
    def generator(word: str, state: scope) -> Iterator[str]:
        for _ in range(3):
            yield f"{word} {add_one(state, f'generator-{name}')}"

    @with_session
    async def async_generator(word: str, state: scope) -> AsyncIterator[str]:
        for _ in range(3):
            yield f"{word} {add_one(state, f'async_generator-{name}')}"

    class Counter:
        @with_session
        def method(self, word: str, state: scope) -> str:
            return f"{word} {add_one(state, f'method-{name}')}"

        def __call__(self, word: str, state: scope) -> str:
            return f"{word} {add_one(state, f'callable_object-{name}')}"

    def three(extra: str, word: str, state: scope) -> str:
        return f"{word} {add_one(state, f'partial-{extra}')}"

    @with_session
    def first(state: scope, word: str) -> str:
        return f"{word} {add_one(state, f'first-{name}')}"

    @with_session
    def optional(word: str, state: scope | None = None) -> str:
        return f"{word} {add_one(state, f'optional-{name}')}"

    @with_session
    def keyword_only(word: str, *, state: scope) -> str:
        return f"{word} {add_one(state, f'keyword_only-{name}')}"

    @with_session
    def annotated_by_name(word: "str", state: "scope") -> "str":
        return f"{word} {add_one(state, f'annotated_by_name-{name}')}"

    @with_session
    def default_before(word: str, times: int = 1, *, state: scope) -> str:
        return f"{word * times} {add_one(state, f'default_before-{name}')}"

    @with_session
    def among_specials(
        request: gr.Request,
        state: scope,
        word: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> str:
        progress(0.5)
        assert request.username
        return f"{word} {add_one(state, f'among_specials-{name}')}"

    functions = [
        plain,
        coroutine,
        generator,
        async_generator,
        first,
        optional,
        keyword_only,
        annotated_by_name,
        default_before,
        among_specials,
    ]
    return {fn.__name__: fn for fn in functions} | {
        "method": Counter().method,
        "callable_object": with_session(Counter()),
        "partial": with_session(functools.partial(three, name)),
    }


KINDS = tuple(kinds(Session, ""))


@register("matrix")
def build_matrix() -> gr.Blocks:
    with gr.Blocks() as demo:
        word, answer = gr.Textbox(), gr.Textbox()
        for name, scope in SCOPES.items():
            for kind, fn in kinds(scope, name).items():
                gr.Button().click(fn, word, answer, api_name=f"{kind}_{name}")
                gr.Button().click(fn, word, answer, api_name=f"{kind}_{name}_now", queue=False)
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
        gr.Button().click(store_too_much, word, word, api_name="store_too_much")
        gr.Button().click(show, word, answer, api_name="show")
        gr.Button().click(seen, None, answer, api_name="seen")
        gr.Button().click(lambda file: file, gr.File(), word, api_name="read_file")
        gr.Button().click(show, word, answer, api_name="validated", validator=is_short)
    return demo
