"""A nonce on the scripts of Gradio's page, the hashes of those that an app adds, and our own part.

The page has inline scripts and its template knows no nonce. It is put into the template's own
source, before any value of an app or a user is: what they smuggle in has none. Scripts of `head=`
are made by Gradio's frontend in the browser, from text that is known here. Functions of `js=` are
made there too: functions.js, which is put into the template, does it without `eval`. In the same
way the template gets places for what `gradio_ui.shell` adds: before everything else of its head,
so that our script runs before Gradio's, and of its body.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import BaseLoader, Environment

if TYPE_CHECKING:
    import gradio

# Keys of the request's scope; HTML for the begin of the page's head and of its body.
NONCE = "gradio_ui.nonce"
HEAD, BODY = "gradio_ui.head", "gradio_ui.body"
# Templates, Vega and shaders that are compiled in the browser.
_EVAL = {"html", "nativeplot", "imageeditor"}
_SCRIPT = re.compile(r"<script\b")
# The config, whose functions are known from here on, and what stands before any other script.
_CONFIG = re.compile(r"<script>window\.gradio_config = .*?</script>")
_FUNCTIONS = Path(__file__).with_name("functions.js").read_text()
_MARKED = f"<script nonce=\"{{{{ request.scope['{NONCE}'] }}}}\""
_CHARSET = re.compile(r'<meta charset="utf-8" />')
_BODY = re.compile(r"<body\b[^>]*>")


class _Marked(BaseLoader):
    def __init__(self, loader: BaseLoader) -> None:
        self._loader = loader

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        source, *rest = self._loader.get_source(environment, template)
        source = _CONFIG.sub(_with_functions, source)
        source = _SCRIPT.sub(_MARKED, source)
        for tag, key in ((_CHARSET, HEAD), (_BODY, BODY)):
            source = tag.sub(rf"\g<0>{{{{ request.scope['{key}'] | safe }}}}", source, count=1)
        return source, *rest  # type: ignore[return-value]


def _with_functions(config: re.Match[str]) -> str:
    return f"{config[0]}<script>{{% raw %}}{_FUNCTIONS}{{% endraw %}}</script>"


def mark() -> None:
    from gradio import routes

    environment = routes.templates.env
    if not isinstance(environment.loader, _Marked):
        assert environment.loader is not None
        environment.loader = _Marked(environment.loader)


def head_hashes(blocks: "gradio.Blocks") -> list[str]:
    """Sources for a policy under which the inline scripts of every `head=` run."""
    heads = [blocks.head, *(getattr(block, "head", None) for block in blocks.blocks.values())]
    found = _Scripts()
    for head in heads:
        if isinstance(head, str):
            found.feed(head)
            found.reset()
    return [_hash(text) for text in found.texts]


def needs_eval(blocks: "gradio.Blocks") -> list[str]:
    """What in an app Gradio's frontend can only run by `eval`, in words for its author."""
    return sorted(
        {f"gr.{type(b).__name__}" for b in blocks.blocks.values() if b.get_block_name() in _EVAL}
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


class _Scripts(HTMLParser):
    def __init__(self) -> None:
        self.texts: list[str] = []
        self._is_open = False
        super().__init__(convert_charrefs=False)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_open = tag == "script"
        if self._is_open and "src" not in dict(attrs):
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._is_open = False

    def handle_data(self, data: str) -> Any:
        if self._is_open and self.texts:
            # As the browser's parser reads line ends.
            self.texts[-1] += data.replace("\r\n", "\n").replace("\r", "\n")
