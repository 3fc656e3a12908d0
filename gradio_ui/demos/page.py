"""What every demo page begins with."""

from __future__ import annotations

from html import escape

import gradio as gr


def header(title: str, subtitle: str) -> gr.HTML:
    return gr.HTML(
        f"<div class='page-header'><h1>{escape(title)}</h1><a href='/'>All apps</a>"
        f"<p>{escape(subtitle)}</p></div>",
        padding=False,
    )


def facts(rows: dict[str, str]) -> str:
    """A list of names and values as HTML; everything is escaped."""
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows.items()
    )
    return f"<dl class='facts'>{items}</dl>"
