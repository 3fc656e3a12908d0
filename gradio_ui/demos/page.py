"""What the demo pages have in common."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr
from django.utils.translation import gettext
from gradio.i18n import I18nData

from gradio_ui import languages


def header(title: I18nData, subtitle: I18nData) -> None:
    # Not gr.HTML, whose frontend needs `unsafe_eval`.
    with gr.Column(elem_classes="page-header"):
        gr.Markdown(f"# {title}", elem_classes="bare")
        gr.Markdown(subtitle, elem_classes="bare note")


def facts(rows: dict[str, str]) -> str:
    """A list of names and values as HTML; everything is escaped."""
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows.items()
    )
    return f"<dl class='facts'>{items}</dl>"


def problem(sentence: str, **values: Any) -> gr.Error:
    """For what a person can put right: shown in the page, without a traceback in the log.
    `sentence` is marked by `gettext_noop`, and `values` fill its places."""
    with languages.here():
        said = gettext(sentence)
        title = gettext("That did not work")
    return gr.Error(said % values if values else said, title=title, print_exception=False)
