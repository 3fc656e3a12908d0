"""The look that the demo apps share: calm, system fonts only, nothing from the network."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.themes import Color, sizes

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

CSS = """
.gradio-container { max-width: 1080px !important; margin: 0 auto !important; }
.page-header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.25rem 1rem; }
.page-header h1 { margin: 0; font-size: 1.375rem; font-weight: 650; letter-spacing: -0.01em; }
.page-header p { margin: 0; flex-basis: 100%; color: var(--body-text-color-subdued); }
.page-header a { margin-left: auto; color: var(--link-text-color); text-decoration: none; }
.page-header a:hover { text-decoration: underline; }
.note { color: var(--body-text-color-subdued); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 0.375rem 1.25rem; margin: 0; }
.facts dt { color: var(--body-text-color-subdued); }
.facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
@media (max-width: 480px) {
  .gradio-container > main { padding: 0.75rem !important; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: 0.5rem; }
}
"""


def calm() -> gr.themes.Base:
    theme = gr.themes.Base(
        primary_hue=INDIGO,
        secondary_hue=INDIGO,
        neutral_hue="slate",
        radius_size=sizes.radius_md,
        font=SANS,
        font_mono=MONO,
    )
    return theme.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_shadow="none",
        block_label_text_weight="500",
        block_title_text_weight="500",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="white",
        input_background_fill="white",
        input_background_fill_dark="*neutral_800",
        input_border_width="1px",
    )


INDIGO = Color(
    name="calm_indigo",
    c50="#eef2ff",
    c100="#e0e7ff",
    c200="#c7d2fe",
    c300="#a5b4fc",
    c400="#818cf8",
    c500="#6366f1",
    c600="#4f46e5",
    c700="#4338ca",
    c800="#3730a3",
    c900="#312e81",
    c950="#1e1b4b",
)


def page_options() -> dict[str, Any]:
    """Mount options for `@register(...)`, the same for every demo."""
    return {"theme": calm(), "css": CSS, "footer_links": []}
