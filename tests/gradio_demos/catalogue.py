"""The demos that are taken. README.md says what each is of, and which are not taken, and why."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy

from tests.gradio_demos.sources import App, Changelog, Docstring, Readme, Source


@dataclass(frozen=True)
class Demo:
    slug: str
    source: Source
    # Of its registration.
    options: Mapping[str, Any] = field(default_factory=dict)


# Its pages compile something in the browser.
EVAL = {"unsafe_eval": True}

DEMOS = [
    # Greetings and events
    Demo("readme", Readme(0)),
    Demo("readme-shared", Readme(1)),
    Demo("blocks", Docstring("gradio.blocks:Blocks")),
    Demo("launch-blocks", Docstring("gradio.blocks:Blocks.launch", 0)),
    Demo("launch-interface", Docstring("gradio.blocks:Blocks.launch", 1)),
    Demo("decorator", Changelog(("@greet_btn.click",))),
    Demo("dependency", Docstring("gradio.events:Dependency")),
    Demo("on", Docstring("gradio.events:on")),
    Demo("api", Docstring("gradio.events:api")),
    Demo("batch", Changelog(("def trim_words", "max_batch_size=16"))),
    Demo("unload", Docstring("gradio.blocks:Blocks.unload")),
    Demo("update", Docstring("gradio.helpers:update")),
    Demo("date", Changelog(("gr.Textbox(datetime.datetime.now)",))),
    Demo("random-slider", Changelog(("randomize=True",))),
    # What is told beside the result
    Demo("error", Docstring("gradio.exceptions:Error")),
    Demo("warning", Docstring("gradio.helpers:Warning")),
    Demo("info", Docstring("gradio.helpers:Info")),
    Demo("success", Docstring("gradio.helpers:Success")),
    Demo("progress", Docstring("gradio.helpers:Progress")),
    Demo("progress-letters", Changelog(("def reverse(word, progress",), {"time": time})),
    # Streaming
    Demo("iteration", Changelog(("def iteration",))),
    # Chat
    Demo("chat", Docstring("gradio.chat_interface:ChatInterface")),
    Demo("undo", Docstring("gradio.events:UndoData")),
    # What a person did, as event data
    Demo("event-data", Docstring("gradio.events:EventData")),
    Demo("key-up-data", Docstring("gradio.events:KeyUpData")),
    Demo("copy-data", Docstring("gradio.events:CopyData")),
    Demo("html", Docstring("gradio.components.html:HTML"), EVAL),
    # Files and images
    Demo("deleted-file-data", Docstring("gradio.events:DeletedFileData")),
    Demo("download-data", Docstring("gradio.events:DownloadData")),
    Demo("upload-button", Changelog(("def upload_file(files)",))),
    Demo("image", Changelog(('lambda x: x, "image", "image"',))),
    Demo("image-select", Changelog(("def select_handler",))),
    Demo("image-mask", Changelog(("random_mask",), {"np": numpy})),
    Demo("static-paths", Docstring("gradio.utils:set_static_paths")),
    Demo("classifier", Docstring("gradio.interface:Interface")),
    Demo("csv-logger", Docstring("gradio.flagging:CSVLogger")),
    Demo("simple-csv-logger", Docstring("gradio.flagging:SimpleCSVLogger")),
    # Plots
    Demo("bar-plot", Changelog(("gr.BarPlot(",)), EVAL),
    Demo("monitoring", App("gradio.monitoring_dashboard"), EVAL),
    # Rendering, pages, layout
    Demo("render", Docstring("gradio.renderable:render")),
    Demo("route", Docstring("gradio.blocks:Blocks.route")),
    Demo("navbar", Docstring("gradio.components.navbar:Navbar")),
    Demo("row", Docstring("gradio.layouts.row:Row")),
    Demo("tab", Docstring("gradio.layouts.tabs:Tab")),
    Demo("sidebar", Docstring("gradio.layouts.sidebar:Sidebar")),
    # Who asks
    Demo("request", Docstring("gradio.route_utils:Request")),
    Demo("header", Docstring("gradio.route_utils:Header"), {"mcp": True}),
]
