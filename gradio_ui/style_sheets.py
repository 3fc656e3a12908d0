"""Style sheets that are compressed once, and kept for ever by browsers: their names say what is in
them.

That of a theme is named by the hash of its content; Gradio would compress it for every page. Those
of Gradio's components, some forty small files a page, are put together. Such a sheet is named by
the numbers of its files, so a process can answer for one that another has named.
"""

import gzip
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import brotli
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from gradio_ui import frontend
from gradio_ui.headers import STATIC_FILES

if TYPE_CHECKING:
    import gradio

_FOR_EVER = "public, max-age=31536000, immutable"
# Beside the files, so that what they name is found from there as well.
_NAME = "assets/styles-"
_TOGETHER = re.compile(rf"{_NAME}((?:[0-9a-f]{{2}})+)\.css")
# What counts at the begin of a file only.
_FIRST = re.compile("@(charset|import|namespace)")
_expected: set[tuple[str, ...]] = set()


def is_theme(blocks: "gradio.Blocks", scope: Scope) -> bool:
    """By the hash of its content."""
    path: str = scope["path"]
    query: str = scope["query_string"].decode("latin-1")
    return path.endswith("/theme.css") and query == f"v={blocks.theme_hash}"


def theme(blocks: "gradio.Blocks", scope: Scope) -> Response:
    return _response(blocks.theme_css, scope)


def can_stand_together(name: str) -> bool:
    """Whether it is a style sheet of Gradio's of which rules may stand before it."""
    return name in _files()


def together(names: Iterable[str]) -> str:
    """The URL of these style sheets of Gradio's in one."""
    numbers = _numbers()
    codes = "".join(f"{numbers[name]:02x}" for name in names)
    return f"{frontend.url()}{_NAME}{codes}.css"


def expect(names: tuple[str, ...]) -> None:
    """To be asked for these, so that they are worth being compressed."""
    _expected.add(names)


def find(path: str) -> tuple[str, ...] | None:
    """The files that are asked for in one, by a path below that of the frontend."""
    match = _TOGETHER.fullmatch(path)
    if match is None:
        return None
    files = list(_files())
    numbers = [int(match[1][at : at + 2], 16) for at in range(0, len(match[1]), 2)]
    if len(set(numbers)) < len(numbers) or max(numbers) >= len(files):
        return None
    return tuple(files[number] for number in numbers)


def response(names: tuple[str, ...], scope: Scope) -> Response:
    if names in _expected:
        found = _response(_together(names), scope)
    else:
        # Anybody can ask for any of them in any order.
        found = Response(_text(names), media_type="text/css")
    found.headers.update(STATIC_FILES | {"Cache-Control": _FOR_EVER})
    return found


def _response(css: str, scope: Scope) -> Response:
    accepted = Headers(scope=scope).get("accept-encoding", "")
    encoding = next((name for name in ("br", "gzip") if name in accepted), "")
    found = Response(_encoded(css, encoding), media_type="text/css")
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


@cache
def _files() -> dict[str, str]:
    """The text of those that can stand in one with others, by name. Read once: no answer waits for
    a disk."""
    paths = sorted((frontend.directory() / "assets").glob("*.css"))
    texts = ((path.name, path.read_text()) for path in paths)
    return dict(islice((one for one in texts if not _FIRST.search(one[1])), 256))


@cache
def _numbers() -> dict[str, int]:
    return {name: number for number, name in enumerate(_files())}


def _text(names: tuple[str, ...]) -> str:
    return "\n".join(_files()[name] for name in names)


_together = cache(_text)
