"""Sound and pictures in pieces, in both directions, and what tells where they are."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from django.conf import settings

from gradio_ui import register

RATE = 16_000
Sound = tuple[int, np.ndarray]


def play(steps: float, pause: float) -> Iterator[Sound]:
    """Half a second of a tone at each step, each higher than the one before."""
    times = np.arange(RATE // 2) / RATE
    for step in range(int(steps)):
        tone = np.sin(2 * np.pi * 220 * (step + 1) * times)
        yield RATE, (tone * 8_000).astype(np.int16)
        time.sleep(pause)


@cache
def _film(number: int) -> str:
    """A second of a test picture, with sound, as a file."""
    path = Path(tempfile.mkdtemp(prefix="film-")) / f"{number}.mp4"
    tone = f"sine=frequency={220 * (number + 1)}:duration=1"
    inputs = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=96x64:rate=10:duration=1",
        "-f",
        "lavfi",
        "-i",
        tone,
    ]
    formats = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, *formats, str(path)], check=True)
    return str(path)


def show(steps: float, pause: float) -> Iterator[str]:
    for step in range(int(steps)):
        yield _film(step)
        time.sleep(pause)


def look(picture: np.ndarray | None, seen: int) -> tuple[str, int]:
    """At each picture of a camera: which process, and how many it has seen."""
    seen += picture is not None
    return f"{os.getpid()} {seen}", seen


def process() -> int:
    return os.getpid()


def leave(request: gr.Request) -> None:
    directory = Path(settings.GRADIOSESSION_DATA_DIR)
    (directory / f"left-{request.session_hash}").write_text(str(os.getpid()))


@register("streams", title="Streams")
def build() -> gr.Blocks:
    every: dict[str, Any] = {"concurrency_limit": None}
    with gr.Blocks() as demo:
        seen = gr.State(0)
        steps, pause, number = gr.Number(4, label="Steps"), gr.Number(0.2), gr.Number()
        sound = gr.Audio(streaming=True, autoplay=True, elem_id="sound")
        film = gr.Video(streaming=True, autoplay=True, elem_id="film")
        camera = gr.Image(streaming=True, sources="webcam", elem_id="camera")
        said = gr.Textbox(label="Seen")
        gr.Button("Play").click(play, [steps, pause], sound, api_name="play", **every)
        gr.Button("Show").click(show, [steps, pause], film, api_name="show", **every)
        again = {"time_limit": 30, "stream_every": 0.2} | every
        camera.stream(look, [camera, seen], [said, seen], api_name="look", **again)
        gr.Button("Process").click(process, None, number, api_name="process", **every)
        gr.DeepLinkButton()
        demo.unload(leave)
    return demo
