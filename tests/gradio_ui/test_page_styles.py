"""A page asks for the styles of its components at once, and looks as Gradio makes it look."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from gradio_ui import frontend
from tests.servers import DEMO_PASSWORD, Site, SiteFactory

LIMIT = 60_000
# What the template puts in the place of Gradio's link.
OURS = re.compile(
    r'<link rel="stylesheet" href="[^"]*/assets/styles-.*?(?=<link rel="alternate")', re.DOTALL
)
# All that decides on the look, whatever the screen and the colours, but for the theme: Gradio loads
# that and the first sheets after it at the same time, and whichever arrives first is the first.
RULES = """() => [...document.styleSheets]
    .filter(sheet => !sheet.disabled && !sheet.href?.includes('/theme.css'))
    .flatMap(sheet => [...sheet.cssRules].map(rule => rule.cssText))"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, demo_database: Any) -> Iterator[Site]:
    factory = SiteFactory(tmp_path_factory.mktemp("styles"), demo_database)
    yield factory("daphne", env={"EXTRA_APPS": "tests.gradio_ui.styled"})
    factory.close()


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(LIMIT)
    body = {"username": "admin", "password": DEMO_PASSWORD}
    assert context.request.post(f"{site.url}/api/auth/login", data=body).ok
    yield context
    context.close()


def as_gradio_sends_it(route: Route) -> None:
    style = next((frontend.directory() / "assets").glob("index-*.css")).name
    answer = route.fetch()
    link = f'<link rel="stylesheet" crossorigin href="{frontend.url()}assets/{style}">'
    html, count = OURS.subn(link, answer.text())
    assert count == 1
    route.fulfill(response=answer, body=html)


def opened(page: Page, site: Site, slug: str) -> list[str]:
    """The style sheets that are asked for until the page is there."""
    asked: list[str] = []
    page.on(
        "request",
        lambda request: (
            asked.append(urlsplit(request.url).path)
            if urlsplit(request.url).path.endswith(".css")
            else None
        ),
    )
    page.goto(f"{site.url}/gradio/{slug}/")
    expect(page.locator(".gradio-container button:visible").first).to_be_visible(timeout=LIMIT)
    page.wait_for_timeout(500)
    return asked


@pytest.mark.parametrize("slug", ["styled", "assistant", "dashboard", "sessions", "account"])
def test_every_rule_stands_where_gradio_would_have_put_it(
    context: BrowserContext, site: Site, slug: str
) -> None:
    page, gradio_s = context.new_page(), context.new_page()
    gradio_s.route(f"{site.url}/gradio/{slug}/", as_gradio_sends_it)
    few, many = opened(page, site, slug), opened(gradio_s, site, slug)
    theme = f"/gradio/{slug}/theme.css"
    own = [path for path in few if "/gradio_ui/" in path]
    together = [path for path in few if "/assets/styles-" in path]
    assert len(together) == 2
    assert sorted(few) == sorted([theme, *own, *together])
    assert len(many) > 15 and theme in many
    assert page.evaluate(RULES) == gradio_s.evaluate(RULES)


def test_what_comes_later_brings_its_own_style(context: BrowserContext, site: Site) -> None:
    page = context.new_page()
    asked = opened(page, site, "styled")
    before = len(asked)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Colour")).to_be_visible(timeout=LIMIT)
    page.get_by_label("Count").first.fill("2")
    page.get_by_label("Count").first.press("Tab")
    expect(page.get_by_text("Number 1")).to_be_visible(timeout=LIMIT)
    later = asked[before:]
    assert later
    assert not any("/assets/styles-" in path for path in later)
    assert len(set(asked)) == len(asked)
