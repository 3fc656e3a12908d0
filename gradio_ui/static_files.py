"""Static files by whitenoise, as ASGI: for everybody, before any session is looked up.

Django's adapter of whitenoise would pass each file through the middleware and a thread, and a
Gradio page asks for some hundred.
"""

import asyncio
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

from django.conf import settings
from starlette.types import ASGIApp, Receive, Scope, Send
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from gradio_ui import frontend, style_sheets
from gradio_ui.headers import STATIC_FILES

_Headers = tuple[tuple[bytes, bytes], ...]

# The headers that decide about an answer, by the names that whitenoise knows them by.
_ASKED = {
    b"accept-encoding": "HTTP_ACCEPT_ENCODING",
    b"if-none-match": "HTTP_IF_NONE_MATCH",
    b"if-modified-since": "HTTP_IF_MODIFIED_SINCE",
    b"range": "HTTP_RANGE",
}
# What is read at once: from memory or in a millisecond from a disk, which is less than a thread
# costs.
_CHUNK = 256 * 1024
# Files up to this size are kept in memory, and so many of them: most of Gradio's are a few KB.
_SMALL = 64 * 1024
_KEPT = 512


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """The files under STATIC_URL, and how they are answered."""

    def __init__(self) -> None:
        super().__init__()
        self._collected = Path(settings.STATIC_ROOT) / frontend.prefix()
        if not self.autorefresh and not self._collected.is_dir():
            # After an upgrade: slower and larger than collected, and better than an empty page.
            for part in frontend.PARTS:
                self.add_files(frontend.directory() / part, self._frontend + part)

    @property
    def _frontend(self) -> str:
        return str(self.static_prefix) + frontend.prefix()

    def find(self, path: str) -> StaticFile | None:
        if not path.startswith(self.static_prefix):
            return None
        return self.find_file(path) if self.autorefresh else self.files.get(path)

    def find_in_app(self, path: str) -> StaticFile | None:
        """By a path below an app, where a custom component or Gradio itself may look for it."""
        return self.find(self._frontend + path.lstrip("/"))

    def find_styles(self, path: str) -> tuple[str, ...] | None:
        """Gradio's style sheets that are asked for in one."""
        name = path.removeprefix(self._frontend)
        return style_sheets.find(name) if name != path else None

    async def answer(self, file: StaticFile, scope: Scope, send: Send) -> None:
        asked = {
            _ASKED[name]: value.decode("latin-1")
            for name, value in scope["headers"]
            if name in _ASKED
        }
        if scope["method"] == "GET" and asked.keys() <= {"HTTP_ACCEPT_ENCODING"}:
            path, _ = file.get_path_and_headers(asked)
            if not self.autorefresh and (kept := _kept(file, path)):
                headers, body = kept
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                return await send({"type": "http.response.body", "body": body})
        answer = file.get_response(scope["method"], asked)
        headers = _encoded(answer.headers)
        await send(
            {"type": "http.response.start", "status": int(answer.status), "headers": headers}
        )
        if answer.file is not None:
            with answer.file:
                chunk = answer.file.read(_CHUNK)
                while len(chunk) == _CHUNK:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                    chunk = await asyncio.to_thread(answer.file.read, _CHUNK)
                return await send({"type": "http.response.body", "body": chunk})
        await send({"type": "http.response.body", "body": b""})

    def add_cache_headers(self, headers: Headers, path: str, url: str) -> None:
        super().add_cache_headers(headers, path, url)
        # Once for each file, where an answer would do it each time.
        for name, value in STATIC_FILES.items():
            headers[name] = value

    def immutable_file_test(self, path: str, url: str) -> bool:
        return url.startswith(self._frontend) or super().immutable_file_test(path, url)

    def candidate_paths_for_url(self, url: str) -> Iterator[Any]:
        """In development: Gradio's files as they were collected, which are compressed."""
        if url.startswith(self._frontend):
            yield str(self._collected / url.removeprefix(self._frontend))
        yield from super().candidate_paths_for_url(url)


@lru_cache(maxsize=_KEPT)
def _kept(file: StaticFile, path: str) -> tuple[_Headers, bytes] | None:
    """The headers and the body of one of a file's forms (as it is, or compressed), if it is
    small. Collected files do not change while a process runs."""
    headers = next(headers for _, place, headers in file.alternatives if place == path)
    if int(dict(headers)["Content-Length"]) > _SMALL:
        return None
    return _encoded(headers), Path(path).read_bytes()


def _encoded(headers: Iterable[tuple[str, str]]) -> _Headers:
    return tuple((name.lower().encode(), value.encode("latin-1")) for name, value in headers)


@cache
def static_files() -> StaticFiles:
    return StaticFiles()


class StaticFilesFirst:
    """Pure ASGI, around everything: what is a static file goes no further."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.files = static_files()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            below = scope["path"].removeprefix(scope.get("root_path", ""))
            if file := self.files.find(below):
                return await self.files.answer(file, scope, send)
            if scope["method"] in ("GET", "HEAD") and (names := self.files.find_styles(below)):
                return await style_sheets.response(names, scope)(scope, receive, send)
        await self.app(scope, receive, send)
