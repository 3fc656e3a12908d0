"""What browsers are told on every kind of answer, and that no page runs into it."""

import re
from collections.abc import Iterator

import httpx
import pytest
from django.urls import reverse
from playwright.sync_api import Page

from tests.servers import DEMO_PASSWORD, Site, SiteFactory

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}
PAGES = [
    "/",
    reverse("account_sessions"),
    reverse("account_change_password"),
    reverse("mfa_index"),
    "/admin/",
    "/admin/auth/user/",
    "/admin/auth/user/1/change/",
    "/admin/sessionstate/livesession/",
    "/api/docs",
    "/gradio/no-such-app/",
    "/gradio/assistant/",
    "/gradio/probe/",
]


@pytest.fixture(scope="module")
def admin(live_site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live_site.url, headers=live_site.sign_in("admin")) as client:
        yield client


def directives(answer: httpx.Response) -> dict[str, list[str]]:
    policy = answer.headers["content-security-policy"]
    return {name: sources for name, *sources in map(str.split, policy.split(";"))}


def test_no_page_breaks_its_policy(live_site: Site, page: Page) -> None:
    problems: list[str] = []

    def note(text: str) -> None:
        problems.append(f"{page.url}: {text}")

    page.on("console", lambda message: message.type == "error" and note(message.text))
    page.on("pageerror", lambda error: note(str(error)))
    page.goto(f"{live_site.url}/accounts/login/")
    page.locator("input[name=login]").fill("admin")
    page.locator("input[name=password]").fill(DEMO_PASSWORD)
    page.locator("form button[type=submit]").last.click()
    page.wait_for_url(f"{live_site.url}/")
    for path in PAGES:
        answer = page.goto(
            f"{live_site.url}{path}", wait_until="networkidle" if "api" in path else "load"
        )
        assert answer is not None and answer.headers["content-security-policy"], path
    page.get_by_role("button", name="Remember").wait_for(timeout=20_000)
    # Chromium reports the status of a page that is not 200 as an error too.
    assert [text for text in problems if "404" not in text] == []


@pytest.mark.parametrize(
    "path",
    [
        "/gradio/probe/",
        "/gradio/probe/config",
        "/gradio/probe/gradio_api/info",
        "/gradio/probe/gradio_api/queue/status",
        "/gradio/probe/gradio_api/file=/etc/passwd",
        "/gradio/probe/theme.css",
        "/gradio/probe/no-such-route",
        "/gradio/no-such-app/",
        "/gradio/",
        "/",
        "/accounts/login/",
        "/admin/",
        "/api/docs",
        "/api/auth/me",
        "/api/no-such-operation",
        "/no-such-page",
    ],
)
def test_every_answer_is_told_how_it_may_be_used(admin: httpx.Client, path: str) -> None:
    answer = admin.get(path)
    assert EVERYWHERE.items() <= dict(answer.headers).items()
    assert answer.headers["x-frame-options"] in ("DENY", "SAMEORIGIN")
    assert directives(answer)["frame-ancestors"] in (["'none'"], ["'self'"])
    assert "geolocation=()" in answer.headers["permissions-policy"]
    if not path.endswith((".css", "docs")) and answer.status_code < 300:
        assert "no-store" in answer.headers["cache-control"]


def test_without_a_session_the_same_holds(live_site: Site) -> None:
    for accept in ("text/html", "application/json"):
        answer = httpx.get(f"{live_site.url}/gradio/probe/", headers={"Accept": accept})
        assert answer.status_code in (302, 401)
        assert EVERYWHERE.items() <= dict(answer.headers).items()
        assert answer.headers["cache-control"] == "no-store"
        assert directives(answer)["default-src"] == ["'none'"]


def test_scripts_of_a_gradio_page_have_a_nonce_of_this_one_answer(admin: httpx.Client) -> None:
    seen = set()
    for _ in range(2):
        answer = admin.get("/gradio/probe/")
        scripts = directives(answer)["script-src"]
        assert "'unsafe-eval'" not in scripts and "'unsafe-inline'" not in scripts
        (nonce,) = (source for source in scripts if source.startswith("'nonce-"))
        seen.add(nonce)
        tags = re.findall(r"<script\b[^>]*>", answer.text)
        assert tags
        assert all(f'nonce="{nonce[7:-1]}"' in tag for tag in tags)
    assert len(seen) == 2


def test_eval_is_for_apps_that_say_they_need_it(admin: httpx.Client) -> None:
    found = {
        slug: "'unsafe-eval'" in directives(admin.get(f"/gradio/{slug}/"))["script-src"]
        for slug in ("assistant", "sessions", "account", "dashboard")
    }
    assert found == {"assistant": False, "sessions": False, "account": False, "dashboard": True}


def test_what_is_no_page_runs_nothing_in_a_browser(admin: httpx.Client) -> None:
    for path in ("config", "gradio_api/info", "gradio_api/file=/etc/passwd"):
        policy = directives(admin.get(f"/gradio/probe/{path}"))
        assert policy["default-src"] == ["'none'"]
        assert "script-src" not in policy


def test_production_asks_for_https_on_every_answer(live_server_factory: SiteFactory) -> None:
    env = {
        "EXTRA_APPS": "tests.testapp",
        "DJANGO_DEBUG": "0",
        "DJANGO_SECRET_KEY": "r4nd0m-" * 10,
        "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_BEHIND_PROXY": "1",
    }
    site = live_server_factory("uvicorn", env=env)
    headers = {"X-Forwarded-Proto": "https"}
    paths = ("/gradio/probe/", "/gradio/probe/config", "/gradio/probe/theme.css", "/gradio/none/x")
    for path in ("/api/auth/me", *paths):
        answer = httpx.get(f"{site.url}{path}", headers=headers)
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000"), path
    answer = httpx.get(f"{site.url}/gradio/probe/config")
    assert "strict-transport-security" not in answer.headers
