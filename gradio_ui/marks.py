"""What decorators have noted on a function, however it is wrapped."""

import functools
import inspect
from collections.abc import Iterator
from typing import Any

from gradio_ui.compat import callbacks


def of(fn: Any, attribute: str) -> frozenset[Any]:
    """All that stands under `attribute`, a frozenset each, on `fn` and on what is behind it."""
    noted = [getattr(inner, attribute, None) for inner in chain(fn)]
    return frozenset().union(*(found for found in noted if isinstance(found, frozenset)))


def chain(fn: Any) -> Iterator[Any]:
    """`fn` and what is behind it: partials, bound methods, objects with `__call__`, decorators,
    Gradio's own functions around it. What a function only calls cannot be known beforehand."""
    seen: list[Any] = []
    left = [fn]
    while left:
        fn = left.pop()
        if fn is None or any(fn is other for other in seen):
            continue
        yield fn
        seen.append(fn)
        left += _inside(fn)


def _inside(fn: Any) -> Iterator[Any]:
    if isinstance(fn, functools.partial):
        yield fn.func
    elif not inspect.isroutine(fn):
        yield inspect.getattr_static(type(fn), "__call__", None)
    yield getattr(fn, "__wrapped__", None)
    yield from callbacks.behind(fn)
