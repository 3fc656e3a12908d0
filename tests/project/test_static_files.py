"""Static files: collected, compressed, the same for everybody and kept by browsers for ever."""

import gzip
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import brotli
import httpx
import pytest
from django.test import override_settings
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gradio_ui import frontend, style_sheets
from gradio_ui.static_files import StaticFiles, StaticFilesFirst
from tests.servers import BASE_DIR, Site, project_env

IMMUTABLE = {"public", "immutable", f"max-age={10 * 365 * 24 * 60 * 60}"}
COLLECT = """
import sys
from django.core.management import execute_from_command_line
# Some of Gradio's files are enough.
ignored = ["-i", "[A-Z]*", "-i", "ffmpeg", "-i", "bokeh", "-i", "fonts"]
execute_from_command_line(["manage.py", "collectstatic", "--noinput", "-v", "0", *ignored])
print("gradio" in sys.modules)
"""


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticFiles]:
    """The files of a production site, collected without loading Gradio."""
    directory = tmp_path_factory.mktemp("static")
    env = project_env(
        directory,
        DJANGO_DEBUG="0",
        DJANGO_SECRET_KEY="0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR",
        DJANGO_ALLOWED_HOSTS="apps.example.org",
        DJANGO_STATIC_ROOT=str(directory / "root"),
    )
    done = subprocess.run(
        [sys.executable, "-c", COLLECT], cwd=BASE_DIR, env=env, capture_output=True, text=True
    )
    assert done.stdout.strip() == "False", done.stdout + done.stderr
    production: dict[str, Any] = {
        "DEBUG": False,
        "WHITENOISE_AUTOREFRESH": False,
        "WHITENOISE_USE_FINDERS": False,
        "STATIC_ROOT": directory / "root",
        "STORAGES": {"staticfiles": {"BACKEND": "gradio_ui.frontend.HashedStorage"}},
    }
    with override_settings(**production):
        yield StaticFiles()


async def ask(
    files: StaticFiles, path: str, method: str = "GET", **headers: str
) -> tuple[int, httpx.Headers, bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ],
    }
    file = files.find(path)
    assert file is not None, path
    await files.answer(file, scope, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], httpx.Headers(sent[0]["headers"]), body


def entry(kind: str = "js") -> str:
    return next((frontend.directory() / "assets").glob(f"index-*.{kind}")).name


async def test_gradio_s_files_come_compressed_and_are_kept(collected: StaticFiles) -> None:
    path = f"/static/{frontend.prefix()}assets/{entry()}"
    original = (frontend.directory() / "assets" / entry()).read_bytes()
    for accepted, encoding, unpack in (
        ("gzip, deflate, br, zstd", "br", brotli.decompress),
        ("gzip", "gzip", gzip.decompress),
        ("identity", None, bytes),
    ):
        status, headers, body = await ask(collected, path, accept_encoding=accepted)
        assert status == 200
        assert headers.get("content-encoding") == encoding
        assert unpack(body) == original
        assert set(headers["cache-control"].split(", ")) == IMMUTABLE
        assert headers["vary"] == "Accept-Encoding"
        assert headers["content-type"].startswith("text/javascript")
        assert headers["x-content-type-options"] == "nosniff"
        assert int(headers["content-length"]) == len(body)
    again, headers, body = await ask(collected, path, if_none_match=headers["etag"])
    assert (again, body) == (304, b"")


async def test_a_file_that_is_kept_in_memory_is_answered_as_from_the_disk(
    collected: StaticFiles,
) -> None:
    path = f"/static/{frontend.prefix()}assets/{entry('css')}"
    original = (frontend.directory() / "assets" / entry("css")).read_bytes()
    with override_settings(WHITENOISE_AUTOREFRESH=True):
        from_disk = await ask(StaticFiles(), path, accept_encoding="br")
    for _ in range(2):
        assert await ask(collected, path, accept_encoding="br") == from_disk
        _, _, plain = await ask(collected, path, accept_encoding="identity")
        assert plain == original
    status, headers, body = await ask(collected, path, "HEAD", accept_encoding="br")
    assert (status, headers, body) == (200, from_disk[1], b"")
    status, _, body = await ask(collected, path, accept_encoding="identity", range="bytes=10-19")
    assert (status, body) == (206, original[10:20])


async def test_the_site_s_own_files_are_named_by_their_content(collected: StaticFiles) -> None:
    from django.contrib.staticfiles.storage import staticfiles_storage

    url = staticfiles_storage.url("css/site.css")
    assert url != "/static/css/site.css"
    _, headers, body = await ask(collected, url, accept_encoding="br")
    assert set(headers["cache-control"].split(", ")) == IMMUTABLE
    assert brotli.decompress(body) == (BASE_DIR / "static/css/site.css").read_bytes()
    # By its plain name it may change.
    _, headers, _ = await ask(collected, "/static/css/site.css")
    assert "immutable" not in headers["cache-control"]


async def test_what_was_not_collected_is_served_from_the_package(tmp_path: Path) -> None:
    """After an upgrade of Gradio, until `collectstatic` has run."""
    with override_settings(WHITENOISE_AUTOREFRESH=False, STATIC_ROOT=tmp_path):
        files = StaticFiles()
        status, headers, body = await ask(
            files, f"/static/{frontend.prefix()}assets/{entry('css')}"
        )
    assert status == 200
    assert set(headers["cache-control"].split(", ")) == IMMUTABLE
    assert body == (frontend.directory() / "assets" / entry("css")).read_bytes()
    assert files.find(f"/static/{frontend.prefix()}index.html") is None


def test_a_second_collection_compresses_nothing_again(collected: StaticFiles) -> None:
    from gradio_ui.frontend import _Compressor

    path = collected._collected / "assets" / entry()
    assert _Compressor(quiet=True).compress(str(path)) == []


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(status_code=404)(scope, receive, send)

    transport = httpx.ASGITransport(StaticFilesFirst(nothing))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


async def test_style_sheets_come_in_one(client: httpx.AsyncClient) -> None:
    directory = frontend.directory() / "assets"
    names = tuple(path.name for path in sorted(directory.glob("Index-*.css"), reverse=True))[:7]
    text = "\n".join((directory / name).read_text() for name in names)
    style_sheets.expect(names)
    for accepted, encoding in (("gzip, br", "br"), ("gzip", "gzip"), ("identity", None)):
        url = style_sheets.together(names)
        answer = await client.get(url, headers={"Accept-Encoding": accepted})
        assert answer.text == text
        assert answer.headers.get("content-encoding") == encoding
        assert {"public", "immutable"} < set(answer.headers["cache-control"].split(", "))
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["content-type"].startswith("text/css")
        assert answer.headers["x-content-type-options"] == "nosniff"
    # Of an app that this process does not have, or not yet; and what nobody has named.
    others = names[::-1]
    answer = await client.get(style_sheets.together(others))
    assert answer.text == "\n".join((directory / name).read_text() for name in others)
    assert "content-encoding" not in answer.headers
    begin = style_sheets.together(())[: -len(".css")]
    for codes in ("", "0", "0000", "ff", "0g", "00/01", "00" * 300):
        assert (await client.get(f"{begin}{codes}.css")).status_code == 404
    assert (await client.post(style_sheets.together(names))).status_code == 404


def test_all_apps_share_the_files_and_nobody_is_asked_who_they_are(live_site: Site) -> None:
    ada = live_site.sign_in("ada")
    url = f"/static/{frontend.prefix()}assets/"
    for slug in ("account", "assistant"):
        page = httpx.get(f"{live_site.url}/gradio/{slug}/", headers=ada).text
        assert f'src="{url}{entry()}"' in page
        assert f'href="{url}{entry("css")}"' in page
    below = f"/gradio/account/assets/{entry()}"
    for path in (url + entry(), below):
        answer = httpx.get(live_site.url + path)
        assert answer.status_code == 200
        assert set(answer.headers["cache-control"].split(", ")) == IMMUTABLE
        assert "set-cookie" not in answer.headers
        assert "cookie" not in answer.headers.get("vary", "").lower()
    for path in (f"{url}../index.html", f"{url}nothing.js", "/gradio/account/assets/nothing.js"):
        assert httpx.get(live_site.url + path).status_code == 404
    assert httpx.post(live_site.url + url + entry()).status_code == 405


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_a_page_is_compressed(live_site: Site, encoding: str) -> None:
    headers = live_site.sign_in("ada") | {"Accept-Encoding": encoding}
    answer = httpx.get(f"{live_site.url}/gradio/dashboard/", headers=headers)
    assert answer.headers["content-encoding"] == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["cache-control"] == "no-store"
    assert "window.gradio_config" in answer.text
