"""What an operator sees: stopping, reloading, broken apps, one log line per request."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_browser import sign_in
from tests.servers import BASE_DIR, SERVERS, ServerName, Site, SiteFactory, wait_for

EXTRA = {"EXTRA_APPS": "tests.testapp"}
STOP_WITHIN = 3.0


@pytest.mark.parametrize("server", SERVERS)
def test_ctrl_c_ends_the_server_while_pages_are_open_and_work_is_running(
    live_server_factory: SiteFactory, browser: Browser, page: Page, server: ServerName
) -> None:
    site = live_server_factory(server, env=EXTRA)
    sign_in(page, site, "ada")
    page.goto(f"{site.url}/gradio/probe/")
    page.get_by_role("button", name="Run for ever").click()
    number = page.get_by_label("Number")
    expect(number).not_to_have_value("0", timeout=15_000)
    second = page.context.new_page()
    second.goto(f"{site.url}/gradio/assistant/")
    expect(second.get_by_placeholder("Ask a question")).to_be_visible(timeout=15_000)
    assert site.stop() < STOP_WITHIN


@pytest.mark.parametrize("server", SERVERS)
def test_ctrl_c_ends_an_idle_server(live_server_factory: SiteFactory, server: ServerName) -> None:
    site = live_server_factory(server)
    assert site.stop() < STOP_WITHIN


def test_runserver_serves_an_app_as_it_was_just_edited(
    live_server_factory: SiteFactory, tmp_path: Path
) -> None:
    package = tmp_path / "edited_app"
    package.mkdir()
    (package / "__init__.py").touch()
    source = package / "gradio_apps.py"
    text = (
        "import gradio as gr\n"
        "from gradio_ui import register\n"
        "@register('edited')\n"
        "def build() -> gr.Blocks:\n"
        "    return gr.Interface(lambda: 'before', None, 'text', api_name='say')\n"
    )
    source.write_text(text)
    env = {"EXTRA_APPS": "edited_app", "PYTHONPATH": str(tmp_path)}
    site = live_server_factory("runserver", reload=True, env=env)
    headers = site.sign_in("ada")

    def said() -> str:
        try:
            client = Client(f"{site.url}/gradio/edited/", headers=headers, verbose=False)
            answer: str = client.predict(api_name="/say")
        except Exception:  # while it restarts, whatever a client makes of that
            return ""
        return answer

    assert said() == "before"
    # The reloader compares times of modification once a second.
    time.sleep(1.5)
    source.write_text(text.replace("before", "after"))
    wait_for(lambda: said() == "after", limit=40)


def test_an_app_that_cannot_be_imported_is_named_and_the_others_work(
    live_server_factory: SiteFactory,
) -> None:
    site = live_server_factory(
        env={"EXTRA_APPS": "tests.brokenapp,tests.testapp"}, allow_traceback=True
    )
    file = BASE_DIR / "tests" / "brokenapp" / "gradio_apps.py"
    assert f"{file}:1" in site.log
    assert "no_such_package_anywhere" in site.log
    headers = site.sign_in("ada")
    client = Client(f"{site.url}/gradio/probe/", headers=headers, verbose=False)
    assert client.predict("a", "b", api_name="/remember") == "b"
    assert httpx.get(f"{site.url}/admin/login/", follow_redirects=True).status_code == 200
    assert httpx.get(f"{site.url}/gradio/assistant/config", headers=headers).status_code == 200


def _requests(site: Site) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in site.log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "request"]


@pytest.mark.parametrize("server", SERVERS)
def test_each_request_is_one_log_line_without_secrets(
    live_server_factory: SiteFactory, server: ServerName
) -> None:
    site = live_server_factory(server, env=EXTRA)
    headers = site.sign_in("ada")
    token = headers["Authorization"].split()[1]
    named = headers | {"X-Request-ID": "my-request-0001"}
    me = httpx.get(f"{site.url}/api/auth/me?q=query-secret", headers=named)
    assert me.headers["x-request-id"] == "my-request-0001"
    app = httpx.get(f"{site.url}/gradio/probe/config", headers=headers)
    Client(f"{site.url}/gradio/probe/", headers=headers, verbose=False).predict(
        "key-secret", "value-secret", api_name="/remember"
    )
    line: Callable[[str], dict[str, Any]] = lambda request_id: next(  # noqa: E731
        line for line in _requests(site) if line["request_id"] == request_id
    )
    wait_for(lambda: len(_requests(site)) > 5)
    api = line("my-request-0001")
    assert (api["method"], api["path"], api["status"]) == ("GET", "/api/auth/me", 200)
    assert api["session"] == me.json()["session_id"][:8]
    assert str(api["user_id"]) == str(me.json()["user"]["id"])
    gradio = line(app.headers["x-request-id"])
    assert (gradio["app"], gradio["session"]) == ("probe", api["session"])
    assert (str(gradio["user_id"]), gradio["status"]) == (str(api["user_id"]), 200)
    ids = [line["request_id"] for line in _requests(site)]
    assert len(ids) == len(set(ids))
    for secret in ("query-secret", "key-secret", "value-secret", token, me.json()["session_id"]):
        assert secret not in site.log


@pytest.mark.parametrize("server", SERVERS)
def test_health_tells_a_balancer_what_it_needs(
    live_server_factory: SiteFactory, server: ServerName, tmp_path: Path
) -> None:
    site = live_server_factory(server, directory=tmp_path / "site", allow_traceback=True)
    assert httpx.get(f"{site.url}/health/ready").json()["status"] == "ok"
    for file in (tmp_path / "site").glob("db.sqlite3*"):
        file.unlink()
    shutil.rmtree(tmp_path / "site" / "data", ignore_errors=True)
    ready = httpx.get(f"{site.url}/health/ready")
    assert ready.status_code == 503
    assert ready.json()["checks"]["session_store"] != "ok"
    assert httpx.get(f"{site.url}/health/live").status_code == 200


@pytest.mark.parametrize("server", SERVERS)
def test_an_unknown_websocket_is_refused_without_a_trace(
    live_server_factory: SiteFactory, server: ServerName
) -> None:
    site = live_server_factory(server)
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert httpx.get(f"{site.url}/ws/nothing/", headers=handshake).status_code == 403
    site.stop()
    lines = [line for line in _requests(site) if line["method"] == "WS"]
    assert [(line["path"], line["status"]) for line in lines] == [("/ws/nothing/", 403)]
