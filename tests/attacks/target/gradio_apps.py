import gradio as gr

from gradio_ui import register, requires_group
from tests.attacks.target.app import build


@register("target", mcp=True)
@register("open-target", public=True)
def build_target() -> gr.Blocks:
    return build(requires_group("analysts"))
