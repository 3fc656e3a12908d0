"""`runserver` while somebody writes an app: an edit, a mistake, the end of the mistake."""

import os
from pathlib import Path

import httpx

from tests.servers import BASE_DIR, Site, SiteFactory, wait_for

APP = """
import gradio as gr
from gradio_ui import register

@register("hot", title="{title}")
def build():
    return gr.Interface(lambda text: text, "text", "text")
"""


def titles(site: Site, headers: dict[str, str]) -> set[str]:
    try:
        answer = httpx.get(f"{site.url}/api/apps", headers=headers, timeout=30)
    except httpx.TransportError:
        return set()
    return {app["title"] for app in answer.json()}


def test_an_edit_is_seen_and_so_is_a_mistake_and_its_end(
    live_server_factory: SiteFactory, tmp_path: Path
) -> None:
    package = tmp_path / "hot_app"
    package.mkdir()
    (package / "__init__.py").touch()
    file = package / "gradio_apps.py"

    def write(text: str) -> None:
        # In one step, and never with the time of the last one.
        (package / "new").write_text(text)
        os.replace(package / "new", file)

    write(APP.format(title="First"))
    env = {
        "EXTRA_APPS": "hot_app",
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{BASE_DIR}",
        # Compiled files are known by whole seconds.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    site = live_server_factory("runserver", env=env, reload=True, allow_traceback=True)
    headers = site.sign_in("ada")
    assert "First" in titles(site, headers)

    write(APP.format(title="Second"))
    wait_for(lambda: "Second" in titles(site, headers), 60, site.log)
    assert httpx.get(f"{site.url}/gradio/hot/config", headers=headers).status_code == 200

    write("raise ValueError('half-way')\n" + APP.format(title="Third"))
    wait_for(lambda: "Assistant" in (found := titles(site, headers)) and "Second" not in found, 60)
    assert "hot_app.gradio_apps failed at" in site.log
    assert "half-way" in site.log

    write(APP.format(title="Third"))
    wait_for(lambda: "Third" in titles(site, headers), 60, site.log)
