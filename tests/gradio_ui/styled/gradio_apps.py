"""An app with much to style, and with styles of its own."""

import gradio as gr

from gradio_ui import register

# As strong as rules of Gradio's own, so that what comes later counts.
CSS = """
.gradio-container .tab-container { background: rgb(1, 2, 3); }
.gradio-container .block { border-style: dotted; }
.gradio-container .secondary { letter-spacing: 3px; }
button.lg { text-transform: uppercase; }
footer { opacity: 0.5; }
"""


def answer(message: str, history: list[dict[str, str]]) -> str:
    return message


@register("styled", css=CSS, theme=gr.themes.Monochrome())
def styled() -> gr.Blocks:
    with gr.Blocks() as demo:
        gr.Markdown("# Title\n| a | b |\n|---|---|\n| 1 | 2 |\n\n`code` and $x^2$")
        gr.HTML("<table><tr><td>1</td></tr></table>")
        with gr.Tab("Chat"):
            gr.ChatInterface(answer, examples=["hello", "good bye"])
        with gr.Tab("Data"), gr.Row():
            with gr.Column():
                gr.File()
                gr.Dropdown(["mean", "sum"], label="Measure")
                gr.Radio(["line", "bar"], label="Kind")
            with gr.Column():
                gr.Dataframe(headers=["day", "rentals"], row_count=3)
                gr.Image()
        hidden = gr.ColorPicker(label="Colour", visible=False)
        gr.Button("Show").click(lambda: gr.ColorPicker(visible=True), None, hidden)
        count = gr.Slider(0, 3, 0, step=1, label="Count")

        @gr.render(count)
        def rendered(count: int) -> None:
            for number in range(int(count)):
                gr.Number(label=f"Number {number}")

    return demo
