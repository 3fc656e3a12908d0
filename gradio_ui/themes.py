"""The style sheet of an app's theme. Its page names it by the hash of its content, so it is
compressed once, which Gradio would do for every page."""

import gzip
from functools import lru_cache
from typing import TYPE_CHECKING

import brotli
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

if TYPE_CHECKING:
    import gradio


def is_asked_for(blocks: "gradio.Blocks", scope: Scope) -> bool:
    """By the hash of its content."""
    path: str = scope["path"]
    query: str = scope["query_string"].decode("latin-1")
    return path.endswith("/theme.css") and query == f"v={blocks.theme_hash}"


def response(blocks: "gradio.Blocks", scope: Scope) -> Response:
    accepted = Headers(scope=scope).get("accept-encoding", "")
    encoding = next((name for name in ("br", "gzip") if name in accepted), "")
    found = Response(_encoded(blocks.theme_css, encoding), media_type="text/css")
    found.headers["Vary"] = "Accept-Encoding"
    if encoding:
        found.headers["Content-Encoding"] = encoding
    return found


@lru_cache(maxsize=256)
def _encoded(css: str, encoding: str) -> bytes:
    data = css.encode()
    if encoding == "br":
        return brotli.compress(data, quality=9)  # type: ignore[no-any-return]
    return gzip.compress(data, mtime=0) if encoding else data
