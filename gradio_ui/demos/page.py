"""What every demo page begins with."""

from __future__ import annotations

from html import escape

import gradio as gr


def header(title: str, subtitle: str) -> gr.Markdown:
    # Not gr.HTML, whose frontend needs `unsafe_eval`.
    return gr.Markdown(
        f"<div class='page-header'><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></div>",
        elem_classes="bare",
    )


def facts(rows: dict[str, str]) -> str:
    """A list of names and values as HTML; everything is escaped."""
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows.items()
    )
    return f"<dl class='facts'>{items}</dl>"
