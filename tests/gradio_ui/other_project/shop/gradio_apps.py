import gradio as gr

from gradio_ui import register, with_session
from sessionstate import Session


@with_session
def count(name: str, session: Session) -> str:
    session["visits"] = session.get("visits", 0) + 1
    return f"Hello {name}, visit {session['visits']}"


@register("hits", groups=["analysts"])
def build() -> gr.Blocks:
    return gr.Interface(count, "text", "text")


@register("hello", public=True)
def build_hello() -> gr.Blocks:
    return gr.Interface(count, "text", "text")
