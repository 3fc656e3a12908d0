import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from gradio_ui import register, requires_staff, with_session
from gradio_ui.chats.interface import ChatInterface
from sessionstate import TabState, UserState


@with_session
def visit(tab: TabState, state: UserState) -> tuple[str, str]:
    for counted in (tab, state):
        counted["visits"] = counted.get("visits", 0) + 1
    return str(tab["visits"]), str(state["visits"])


def refuse() -> str:
    raise gr.Error("Not on a Sunday")


@requires_staff
def staff_only() -> str:
    return "for staff"


def break_down() -> str:
    raise ConnectionError("postgres://secret@db")


def build() -> gr.Blocks:
    with gr.Blocks() as demo:
        here, everywhere = gr.Textbox(), gr.Textbox()
        demo.load(visit, None, [here, everywhere], api_name="visit")
        gr.Button("Refuse").click(refuse, None, here, api_name="refuse")
        gr.Button("Staff").click(staff_only, None, here, api_name="staff_only")
        gr.Button("Break down").click(break_down, None, here, api_name="break_down")
    return demo


register("kit", order=910)(build)
register("kit-analysts", order=911, groups=["analysts"])(lambda: build())


def reply(message: str, history: list[Any]) -> Iterator[str]:
    if message == "fail":
        raise gr.Error("No answer today")
    text = f"{len(history)}:"
    for letter in message:
        text += letter.upper()
        yield text
        time.sleep(0.2 if "slow" in message else 0)
        if message == "break half-way" and len(text) > 6:
            raise ValueError("half-way")


@with_session
async def reply_at_once(message: dict[str, Any], history: list[Any], state: UserState) -> str:
    state["asked"] = state.get("asked", 0) + 1
    return f"{message['text']} with {len(message['files'])} files, question {state['asked']}"


def louder(message: str, history: list[Any], much: bool) -> tuple[str, str]:
    return message.upper() if much else message, f"{len(message)} letters"


@register("kit-chat", order=912)
def build_chat() -> gr.Blocks:
    return ChatInterface(reply, api_name="chat")


@register("kit-chats", order=913)
def build_chats() -> gr.Blocks:
    with gr.Blocks() as demo:
        with gr.Tab("Files"):
            ChatInterface(reply_at_once, name="files", multimodal=True, api_name="files")
        with gr.Tab("More"):
            letters = gr.Textbox(label="Letters")
            ChatInterface(
                louder,
                name="more",
                api_name="more",
                additional_inputs=[gr.Checkbox(label="Louder")],
                additional_outputs=[letters],
            )
    return demo
