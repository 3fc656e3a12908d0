"""A call of a callback, as it is begun for a request that passed the gate."""

from typing import Any

import gradio as gr
from django.contrib.auth.models import AnonymousUser
from starlette.requests import Request

from gradio_ui.asked import Needs
from gradio_ui.limits import Booking
from gradio_ui.ownership import Owner, Pages
from gradio_ui.passage import Passage
from gradio_ui.running import Call
from sessionstate import Session
from sessionstate.recent import Reading


async def begun(session_id: str, reading: Reading | None = None, grant: Any = None) -> Call:
    pages = Pages(is_busy=lambda name: False, forget=lambda name: None)
    passed = Passage("app", Owner("s", "ada"), pages, grant, None, Booking("ada"), reading)  # type: ignore[arg-type]
    asked = {"type": "http", "method": "POST", "path": "/gradio/app/", "headers": []}
    scope: dict[str, Any] = {**asked, "user": AnonymousUser(), **passed.entry()}
    scope["session"] = Session(session_id)
    call = Call(gr.Request(Request(scope)))  # type: ignore[arg-type]
    await call.prepare(Needs(frozenset({Session})))
    return call
