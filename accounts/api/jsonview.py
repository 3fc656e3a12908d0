"""Any session value as JSON. What JSON has no word for is described, never refused."""

from __future__ import annotations

import math
from typing import Any

MAX_DEPTH = 64
# Attributes that say more of an array, a table or an image than its type does.
_TELLING = ("shape", "dtype", "columns", "size", "mode", "format")


def json_view(value: Any, depth: int = 0) -> Any:
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float and math.isfinite(value):
        return value
    if depth < MAX_DEPTH:
        if type(value) is list:
            return [json_view(item, depth + 1) for item in value]
        if type(value) is dict and all(type(key) is str for key in value):
            return {key: json_view(item, depth + 1) for key, item in value.items()}
        if type(value) in (tuple, set, frozenset):
            items = [json_view(item, depth + 1) for item in value]
            return {"$type": type(value).__name__, "items": items}
    return _described(value)


def _described(value: Any) -> dict[str, Any]:
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]}."
    view: dict[str, Any] = {"$type": f"{module}{kind.__qualname__}"}
    for name in _TELLING:
        if (found := getattr(value, name, None)) is not None and not callable(found):
            view[name] = _plain(found)
    if len(view) > 1:
        return view
    if isinstance(value, bytes | bytearray | list | dict):
        return view | {"length": len(value)}
    return view | {"text": str(value)[:1000]}


def _plain(value: Any) -> Any:
    if type(value) in (bool, int, str):
        return value
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        return str(value)
    return [_plain(item) for item in list(value)[:100]]
