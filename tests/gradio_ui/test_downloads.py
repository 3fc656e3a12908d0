"""Files that an event names by their address are fetched within the limits of an upload."""

import asyncio
import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gradio_ui import compat, places
from gradio_ui.places import Place

compat.prepare()

import gradio as gr  # noqa: E402
import safehttpx  # noqa: E402
from gradio import processing_utils  # noqa: E402

LIMIT = 100_000

# Not asked, but its connections are looked after wherever threads end.
pytestmark = pytest.mark.django_db


class Files(BaseHTTPRequestHandler):
    """`/announced/<bytes>`, `/unannounced/<bytes>`, `/packed/<bytes>`, `/moved/...`"""

    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.headers["Accept-Encoding"])
        _, kind, rest = self.path.split("/", 2)
        if kind == "moved":
            self.send_response(302)
            self.send_header("Location", f"/{rest}")
            return self.end_headers()
        body = b"x" * int(rest)
        self.send_response(200)
        if kind == "packed":
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        if kind != "unannounced":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            return  # the reader has had enough

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://files.example:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> None:
    async def validated(hostname: str) -> str:
        return "127.0.0.1"

    monkeypatch.setattr(safehttpx, "async_validate_url", validated)
    monkeypatch.setattr(places, "root", lambda: tmp_path / "gradio")
    settings.GRADIO_UI_MAX_UPLOAD = LIMIT
    settings.GRADIO_UI_MAX_USER_BYTES = 3 * LIMIT


def fetch(url: str) -> int:
    place = Place("app", "7")
    place.own.mkdir(parents=True, exist_ok=True)
    with places.entered(place):
        path = asyncio.run(processing_utils.async_ssrf_protected_download(url, str(place.own)))
    return Path(path).stat().st_size


@pytest.mark.parametrize("kind", ["announced", "unannounced", "moved/unannounced"])
def test_a_file_within_the_limit_is_fetched(address: str, kind: str) -> None:
    assert fetch(f"{address}/{kind}/{LIMIT}") == LIMIT
    assert Files.asked[-1] == "identity"


@pytest.mark.parametrize("kind", ["announced", "unannounced", "moved/announced", "packed"])
def test_more_is_refused_and_leaves_nothing(address: str, kind: str, tmp_path: Path) -> None:
    size = LIMIT + 1 if kind != "packed" else 10
    with pytest.raises(gr.Error, match="The file at this address is"):
        fetch(f"{address}/{kind}/{size}")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_nothing_is_fetched_for_who_has_no_room(address: str) -> None:
    fetched = [fetch(f"{address}/announced/{LIMIT - number}") for number in range(3)]
    assert sum(fetched) == 3 * LIMIT - 3
    with pytest.raises(gr.Error, match="too large"):
        fetch(f"{address}/unannounced/10")


def test_no_host_is_asked_past_the_limit() -> None:
    assert processing_utils.PUBLIC_HOSTNAME_WHITELIST == [], "Gradio has another list of hosts."
