"""The look that the demo apps share: the site's colours (static/css/site.css), system fonts only,
nothing from the network."""

from __future__ import annotations

from typing import Any

import gradio as gr
from django.conf import settings
from gradio.themes import Color, sizes

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Helvetica Neue")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")

INK = Color(
    name="ink",
    c50="#f6f7f9",
    c100="#f1f3f6",
    c200="#dfe3e8",
    c300="#c3c9d1",
    c400="#a1abb7",
    c500="#59636f",
    c600="#4a535e",
    c700="#2b323c",
    c800="#1f252d",
    c900="#171b21",
    c950="#0f1216",
)
BLUE = Color(
    name="blue",
    c50="#eaeefd",
    c100="#dbe2fb",
    c200="#c2cdf7",
    c300="#b3c1ff",
    c400="#96aaff",
    c500="#5f78e6",
    c600="#3654d1",
    c700="#2a43ad",
    c800="#253a8f",
    c900="#222a45",
    c950="#10162b",
)

# Each value for light and, under the same name with `_dark`, for dark.
COLOURS = {
    "body_background_fill": ("*neutral_50", "*neutral_950"),
    "body_text_color": ("*neutral_900", "#e9ecf0"),
    "body_text_color_subdued": ("*neutral_500", "*neutral_400"),
    "block_background_fill": ("white", "*neutral_900"),
    "block_border_color": ("*neutral_200", "*neutral_700"),
    "block_info_text_color": ("*neutral_500", "*neutral_400"),
    "block_label_text_color": ("*neutral_500", "*neutral_400"),
    "block_title_text_color": ("*neutral_500", "*neutral_400"),
    "panel_background_fill": ("white", "*neutral_900"),
    "panel_border_color": ("*neutral_200", "*neutral_700"),
    "border_color_primary": ("*neutral_200", "*neutral_700"),
    "link_text_color": ("*primary_600", "*primary_400"),
    "link_text_color_hover": ("*primary_700", "*primary_300"),
    "link_text_color_visited": ("*primary_600", "*primary_400"),
    "input_background_fill": ("white", "*neutral_800"),
    "input_border_color": ("*neutral_300", "*neutral_700"),
    "input_placeholder_color": ("*neutral_500", "*neutral_400"),
    "table_even_background_fill": ("white", "*neutral_900"),
    "table_odd_background_fill": ("*neutral_50", "*neutral_800"),
    "button_primary_background_fill": ("*primary_600", "*primary_400"),
    "button_primary_background_fill_hover": ("*primary_700", "*primary_300"),
    "button_primary_border_color": ("*primary_600", "*primary_400"),
    "button_primary_text_color": ("white", "*primary_950"),
    "button_secondary_background_fill": ("white", "*neutral_800"),
    "button_secondary_background_fill_hover": ("*neutral_100", "*neutral_700"),
    "button_secondary_border_color": ("*neutral_300", "*neutral_700"),
    "button_secondary_text_color": ("*neutral_900", "#e9ecf0"),
    "button_cancel_background_fill": ("white", "*neutral_800"),
    "button_cancel_background_fill_hover": ("#fdecea", "#3a1f1e"),
    "button_cancel_border_color": ("#b3261e", "#ff9d94"),
    "button_cancel_text_color": ("#b3261e", "#ff9d94"),
}

CSS = """
.gradio-container { width: 100%; max-width: 68rem !important; margin: 0 auto !important; }
.gradio-container > main { width: 100%; }
/* A theme has one for both; on a light page its text could not be read. */
.gradio-container { --color-accent: var(--primary-600); }
.dark .gradio-container, .gradio-container.dark { --color-accent: var(--primary-400); }
.page-header { gap: 0.25rem; }
.page-header h1 { margin: 0; font-size: 1.5rem; font-weight: 650; letter-spacing: -0.01em; }
.page-header p { margin: 0; }
.plain-link { padding: 0 !important; text-decoration: none; }
.plain-link:hover { text-decoration: underline; }
.gradio-container .prose h2 { font-size: 1.2rem; }
.bare { padding: 0; }
.placeholder-content { padding: 0 1rem; }
.column.panel { padding: 1rem; }
.note, .note * { color: var(--body-text-color-subdued) !important; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 0.375rem 1.25rem; margin: 0; }
.facts dt { color: var(--body-text-color-subdued); }
.facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.gradio-container table, .gradio-container .table-wrap * { font-family: var(--font); }
@media (max-width: 480px) {
  .gradio-container > main { padding: 0.75rem !important; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: 0.5rem; }
}
"""

HEAD = f'<link rel="icon" href="{settings.STATIC_URL}favicon.svg" type="image/svg+xml">'


def calm() -> gr.themes.Base:
    theme = gr.themes.Base(
        primary_hue=BLUE,
        secondary_hue=BLUE,
        neutral_hue=INK,
        radius_size=sizes.radius_lg,
        font=(*SANS, "sans-serif"),
        font_mono=MONO,
    )
    return theme.set(
        **{name: light for name, (light, _) in COLOURS.items()},
        **{f"{name}_dark": dark for name, (_, dark) in COLOURS.items()},
        block_border_width="1px",
        block_shadow="none",
        block_label_text_weight="500",
        block_title_text_weight="500",
        checkbox_border_radius="3px",
        panel_border_width="1px",
        input_border_width="1px",
        button_border_width="1px",
        button_large_padding="*spacing_md *spacing_xl",
        button_large_text_size="*text_md",
        button_large_text_weight="500",
    )


def page_options() -> dict[str, Any]:
    """Mount options for `@register(...)`, the same for every demo."""
    return {"theme": calm(), "css": CSS, "head": HEAD, "footer_links": []}
