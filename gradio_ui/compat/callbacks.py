"""Functions of Gradio's own that stand between an event and the app's function.

`ChatInterface` and `Examples` register methods and closures of theirs. They give away what the
function returned, cached examples even without calling it again, so its rules are theirs too.
"""

import inspect
import sys
from collections.abc import Iterator
from typing import Any

from starlette.requests import HTTPConnection


def behind(fn: Any) -> Iterator[Any]:
    """The app's functions behind `fn`, when that is Gradio's own."""
    helpers, chats = (sys.modules.get(f"gradio.{name}") for name in ("helpers", "chat_interface"))
    if helpers is None or chats is None:
        return
    if inspect.isfunction(fn) and fn.__module__ == helpers.__name__:
        for cell in fn.__closure__ or ():
            owner = cell.cell_contents
            if isinstance(owner, helpers.Examples) and owner.cache_examples:
                yield owner.fn
        return
    owner = getattr(fn, "__self__", None)
    # Its other methods only move the conversation about that the page has already.
    if isinstance(owner, chats.ChatInterface) and "fn" in fn.__code__.co_names:
        yield owner.fn


def asking_scope() -> Any:
    """The ASGI scope of the request that a component's server function answers, which Gradio
    calls outside of its events; `None` outside of Gradio."""
    context = sys.modules.get("gradio.context")
    if context is None or context.LocalContext.blocks.get(None) is None:
        return None
    # A request of Starlette's; the one that events have is `gr.Request`.
    request = context.LocalContext.request.get(None)
    return request.scope if isinstance(request, HTTPConnection) else {}
