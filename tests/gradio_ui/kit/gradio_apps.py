import gradio as gr

from gradio_ui import register, with_session
from sessionstate import TabState, UserState


@with_session
def visit(tab: TabState, state: UserState) -> tuple[str, str]:
    for counted in (tab, state):
        counted["visits"] = counted.get("visits", 0) + 1
    return str(tab["visits"]), str(state["visits"])


def refuse() -> str:
    raise gr.Error("Not on a Sunday")


def break_down() -> str:
    raise ConnectionError("postgres://secret@db")


def build() -> gr.Blocks:
    with gr.Blocks() as demo:
        here, everywhere = gr.Textbox(), gr.Textbox()
        demo.load(visit, None, [here, everywhere], api_name="visit")
        gr.Button("Refuse").click(refuse, None, here, api_name="refuse")
        gr.Button("Break down").click(break_down, None, here, api_name="break_down")
    return demo


register("kit", order=910)(build)
register("kit-analysts", order=911, groups=["analysts"])(lambda: build())
