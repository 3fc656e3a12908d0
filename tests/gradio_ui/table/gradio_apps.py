"""Every kind of event for every kind of function."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from gradio_ui import current_state, register
from tests.gradio_ui.table.functions import (
    ASYNC,
    CHAT_KINDS,
    GENERATORS,
    KINDS,
    SCOPES,
    chat_functions,
    functions,
)

# Kinds that Gradio has no use for there.
NOT = {
    # It wants a type for every argument and for what comes back.
    "api": {"specials", "by_hand", "partial_of_decorated"},
    # It calls a function once, without inputs.
    "unload": GENERATORS | {"defaults", "specials"},
    "validator": GENERATORS,
    "render": GENERATORS | ASYNC,
    "run": GENERATORS,
    # Each of them makes an app of its own, which takes Gradio a while.
    "interface": set(KINDS) - {"plain", "generator", "method", "first"},
}
PLAIN = (
    "click",
    "on",
    "then",
    "success",
    "load",
    "tick",
    "keywords",
    "examples",
    "run",
    "call",
    "tool",
)
EVENTS = (*PLAIN, "api", "stream", "render", "rendered", "validator", "unload", "interface")


def of_event(event: str, answer: Callable[[str], Any] = str) -> Iterator[tuple[str, Any, str]]:
    """Kind, function and name of the event."""
    for kind, fn in functions(event, answer).items():
        if kind not in NOT.get(event, ()):
            yield kind, fn, f"{event}-{kind}"


PAIRS = [
    *((event, kind) for event in EVENTS for kind in KINDS if kind not in NOT.get(event, ())),
    *(("chat", kind) for kind in CHAT_KINDS),
]


def stored() -> dict[str, Any]:
    return {name: dict(current_state(scope)) for name, scope in SCOPES.items()}


@register("table", mcp=True)
def build_table() -> gr.Blocks:
    with gr.Blocks() as demo:
        word, answer = gr.Textbox(), gr.Textbox()
        button, timer, image = gr.Button(), gr.Timer(3600), gr.Image(streaming=True)
        hidden: dict[str, Any] = {"api_visibility": "undocumented"}
        ids: dict[str, int] = {}

        def numbers() -> dict[str, int]:
            return {fn.api_name: number for number, fn in demo.fns.items() if fn.api_name} | ids

        gr.api(stored, api_name="stored", queue=False)
        gr.api(numbers, api_name="numbers", queue=False)
        for event in PLAIN:
            for _, fn, name in of_event(event):
                options = hidden | {"api_name": name}
                match event:
                    case "click" | "call":
                        button.click(fn, word, answer, **options)
                    case "tool":
                        button.click(fn, word, answer, api_name=name)
                    case "run":
                        button.click(fn, word, answer, queue=False, **options)
                    case "on":
                        gr.on([button.click, word.submit], fn, word, answer, **options)
                    case "then":
                        button.click(lambda: None).then(fn, word, answer, **options)
                    case "success":
                        button.click(lambda: None).success(fn, word, answer, **options)
                    case "load":
                        demo.load(fn, word, answer, **options)
                    case "tick":
                        timer.tick(fn, word, answer, **options)
                    case "keywords":
                        button.click(fn, inputs_kwargs={"word": word}, outputs=answer, **options)
                    case "examples":
                        gr.Examples([["a"]], word, answer, fn, run_on_click=True)
                        ids[name] = max(demo.fns)
        for _, fn, name in of_event("api"):
            gr.api(fn, api_name=name, **hidden)
        for _, fn, name in of_event("stream"):
            image.stream(fn, word, answer, api_name=name, time_limit=600, **hidden)
        for _, fn, name in of_event("validator", lambda text: gr.validate(False, text)):
            button.click(lambda word: word, word, answer, validator=fn, api_name=name, **hidden)
        for _, fn, _ in of_event("unload"):
            demo.unload(fn)
        for _, fn, name in of_event("interface"):
            gr.Interface(fn, gr.Textbox(), gr.Textbox(), api_name=name, **hidden)
        for kind, fn in chat_functions("chat").items():
            more = [gr.Checkbox(True)] if kind == "additional_inputs" else None
            is_multimodal = kind == "multimodal"
            gr.ChatInterface(
                fn,
                multimodal=is_multimodal,
                additional_inputs=more,
                api_name=f"chat-{kind}",
                **hidden,
            )
        for _, fn, name in of_event("render", gr.Markdown):
            gr.render(inputs=word)(fn)
            ids[name] = max(demo.fns)

        @gr.render(inputs=word)
        def render_buttons(word: str) -> None:
            inner = gr.Textbox(word)
            for _, fn, name in of_event("rendered"):
                gr.Button().click(fn, inner, inner, api_name=name)

        ids["rendered"] = max(demo.fns)

    return demo
