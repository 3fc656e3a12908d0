"""The URL of Gradio's own files in its pages.

They name them relative to themselves, so a browser would load and keep all of them for each app.
The entry is named in the template of the page, and the files that it loads are found from where
it is itself; fonts are named in the style sheet of the theme.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import BaseLoader, Environment

from gradio_ui.compat import pages_styles

if TYPE_CHECKING:
    import gradio

# In the template.
SCRIPT = 'src="./assets/'
RESIZER = "${rootPath}/static/"
RESIZED = "document.head.appendChild(script);"
MANIFEST = '<link rel="manifest" href="/manifest.json" />'
STYLE = re.compile(r'(<link rel="stylesheet" [^>]*href=")\./(assets/[^"]+")>')
_STYLES = Path(__file__).with_name("styles.html").read_text()
FONTS = "url('static/fonts/"


class _Located(BaseLoader):
    def __init__(self, loader: BaseLoader, url: str) -> None:
        self._loader = loader
        self._url = url

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        source, *rest = self._loader.get_source(environment, template)
        source = source.replace(SCRIPT, f'src="{self._url}assets/')
        source = source.replace(RESIZER, f"{self._url}static/")
        # It measures the page for the one around it.
        source = source.replace(RESIZED, f"if (window.parent !== window) {RESIZED}")
        # Of the site's root; `gradio_ui.pwa` has one for each app.
        source = source.replace(MANIFEST, "")
        source = STYLE.sub(self._styles, source)
        return source, *rest  # type: ignore[return-value]

    def _styles(self, link: re.Match[str]) -> str:
        alone = f"{link[1]}{self._url}{link[2]}>"
        # The script looks for a link with the name that it knows, and would make one.
        known = f'<link rel="alternate" href="./{link[2]}>'
        return f"{_STYLES}{{% else %}}{alone}{{% endif %}}{known}"


def install(url: str) -> None:
    from gradio import routes

    environment = routes.templates.env
    assert environment.loader is not None
    if not getattr(environment, "gradio_ui_located", False):
        environment.loader = _Located(environment.loader, url)
        environment.globals["styles_of"] = pages_styles.of
        environment.gradio_ui_located = True  # type: ignore[attr-defined]


def locate_fonts(blocks: "gradio.Blocks", url: str) -> None:
    """In an app that has been mounted. The page asks for the style sheet by its hash."""
    blocks.theme_css = blocks.theme_css.replace(FONTS, f"url('{url}static/fonts/")
    blocks.theme_hash = hashlib.sha256(blocks.theme_css.encode()).hexdigest()
    blocks.config["theme_hash"] = blocks.theme_hash
