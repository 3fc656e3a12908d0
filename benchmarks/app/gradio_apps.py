import gradio as gr

from benchmarks.app import blocks, page
from gradio_ui import register, with_session
from sessionstate import Session


@with_session
def visit(text: str, session: Session) -> str:
    session["visits"] = session.get("visits", 0) + 1
    return text


@register("bench")
def build() -> gr.Blocks:
    return blocks.build(visit)


register("bench-page")(page.build)
