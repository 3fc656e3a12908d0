"""The same Blocks as Gradio's documentation mounts them: FastAPI, no accounts, no sessions."""

import gradio as gr
from fastapi import FastAPI

from benchmarks.app import blocks, page

visits = 0


def visit(text: str) -> str:
    global visits
    visits += 1
    return text


app = gr.mount_gradio_app(FastAPI(), blocks.build(visit), path="/gradio/bench")
app = gr.mount_gradio_app(app, page.build(), path="/gradio/bench-page")
