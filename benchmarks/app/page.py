"""The Blocks whose page is loaded: a bit of everything, as an app of some weeks has it."""

import gradio as gr


def answer(message: str, history: list[dict[str, str]]) -> str:
    return message


def build() -> gr.Blocks:
    with gr.Blocks() as demo:
        gr.Markdown("# Analysis\nWhat a page with the usual components loads.")
        with gr.Tab("Chat"):
            gr.ChatInterface(answer)
        with gr.Tab("Data"), gr.Row():
            with gr.Column():
                gr.File()
                gr.Dropdown(["mean", "sum"], label="Measure")
                gr.Slider(1, 100, label="Rows")
                gr.Checkbox(label="Sorted")
                gr.Radio(["line", "bar"], label="Kind")
            with gr.Column():
                gr.Dataframe(headers=["day", "rentals"], row_count=3)
                gr.Image()
                gr.Plot()
    return demo
