"""Between the messages of Gradio's Chatbot and the JSON that is stored."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Json = Any
# What a Chatbot takes: {"role", "content", "metadata"}.
Shown = dict[str, Any]


def stored(content: Any) -> Json:
    """Text as it is, but for the one character that PostgreSQL does not take; files by path and
    alternative text; what else a page can show (plots, galleries) is not kept, and says so."""
    if content is None or isinstance(content, str):
        return (content or "").replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(content, list | tuple):
        return [stored(part) for part in content]
    part: Any = content
    if not isinstance(part, Mapping) and hasattr(part, "model_dump"):
        part = part.model_dump()
    if not isinstance(part, Mapping):
        return f"({type(content).__name__}, not kept)"
    match part:
        case {"type": "text", "text": str(text)}:
            return stored(text)
        case {"file": Mapping() as file}:
            return stored({**file, "alt_text": part.get("alt_text")})
        case {"path": str() | os.PathLike() as path}:
            kept = {"path": os.fspath(path)}
            if name := part.get("orig_name"):
                kept["orig_name"] = str(name)
            if alt := part.get("alt_text"):
                kept["alt_text"] = str(alt)
            return kept
        case {"component": str(kind)}:
            return f"({kind.capitalize()}, not kept)"
    return f"({type(content).__name__}, not kept)"


def shown(content: Json) -> Any:
    """For a Chatbot. A file that was removed meanwhile is named instead."""
    if isinstance(content, list):
        return [shown(part) for part in content]
    if isinstance(content, dict):
        path = Path(content["path"])
        if path.is_file():
            return {"path": str(path), "alt_text": content.get("alt_text")}
        return f"(The file {_name(content)} is no longer kept.)"
    return content


def text(content: Json) -> str:
    """For titles and exports."""
    if isinstance(content, list):
        return "\n".join(filter(None, map(text, content)))
    if isinstance(content, dict):
        return f"[{_name(content)}]"
    return str(content)


def _name(file: Mapping[str, Any]) -> str:
    return str(file.get("orig_name") or Path(file["path"]).name)
