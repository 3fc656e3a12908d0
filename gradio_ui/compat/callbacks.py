"""Functions of Gradio's own that stand between an event and the app's function.

`ChatInterface` and `Examples` register methods and closures of theirs. They give away what the
function returned, cached examples even without calling it again, so its rules are theirs too.
"""

import inspect
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from starlette.requests import HTTPConnection


def behind(fn: Any) -> Iterator[Any]:
    """The app's functions behind `fn`, when that is Gradio's own."""
    chats = sys.modules.get("gradio.chat_interface")
    if chats is None:
        return
    for examples in _cached_examples(fn):
        yield examples.fn
    owner = getattr(fn, "__self__", None)
    # Its other methods only move the conversation about that the page has already.
    if isinstance(owner, chats.ChatInterface) and "fn" in fn.__code__.co_names:
        yield owner.fn


def has_cached_examples(fn: Any) -> bool:
    """Whether `fn` is Gradio's own and gives what was once computed to everybody."""
    return bool(_cached_examples(fn))


def _cached_examples(fn: Any) -> list[Any]:
    helpers = sys.modules.get("gradio.helpers")
    if helpers is None or not inspect.isfunction(fn) or fn.__module__ != helpers.__name__:
        return []
    return [c for c in _closure(fn) if isinstance(c, helpers.Examples) and c.cache_examples]


def is_cached(fn: Any) -> bool:
    """Whether `fn` is what `gr.cache` has made of a function."""
    caching = sys.modules.get("gradio.caching")
    return caching is not None and any(isinstance(c, caching._CacheStore) for c in _closure(fn))


def _closure(fn: Any) -> Iterator[Any]:
    for cell in getattr(fn, "__closure__", None) or ():
        with suppress(ValueError):  # of a name that has no value yet
            yield cell.cell_contents


def asking_scope() -> Any:
    """The ASGI scope of the request that a component's server function answers, which Gradio
    calls outside of its events; `None` outside of Gradio."""
    context = sys.modules.get("gradio.context")
    if context is None or context.LocalContext.blocks.get(None) is None:
        return None
    # A request of Starlette's; the one that events have is `gr.Request`.
    request = context.LocalContext.request.get(None)
    return request.scope if isinstance(request, HTTPConnection) else {}
