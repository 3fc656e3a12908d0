"""A site whose cookie no link of another site brings along at first."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.test_browser import sign_in
from tests.servers import Site, SiteFactory

ELSEWHERE = "http://localhost/links"


@pytest.fixture
def strict_site(live_server_factory: SiteFactory) -> Site:
    env = {"SESSION_COOKIE_SAMESITE": "Strict", "EXTRA_APPS": "tests.gradio_ui.open_house"}
    return live_server_factory(env=env)


def ticket(context: BrowserContext, site: Site) -> str:
    return next(
        cookie["value"] for cookie in context.cookies(site.url) if cookie["name"] == "session"
    )


def follow(page: Page, site: Site, slug: str) -> None:
    link = f'<a href="{site.url}/gradio/{slug}/">There</a>'
    page.route(ELSEWHERE, lambda route: route.fulfill(content_type="text/html", body=link))
    page.goto(ELSEWHERE)
    page.get_by_text("There").click()
    page.wait_for_url(f"{site.url}/**")


def test_a_link_of_another_site_opens_an_app_as_who_is_signed_in(
    strict_site: Site, page: Page
) -> None:
    follow(page, strict_site, "account")
    page.wait_for_url("**/accounts/login/**")
    sign_in(page, strict_site, "ada")
    login = ticket(page.context, strict_site)
    for slug in ("account", "open"):
        follow(page, strict_site, slug)
        expect(page.locator("gradio-session-bar")).to_contain_text("ada", timeout=15_000)
        assert ticket(page.context, strict_site) == login


def test_a_link_of_another_site_brings_a_visitor(strict_site: Site, page: Page) -> None:
    follow(page, strict_site, "open")
    expect(page.locator("gradio-session-bar")).to_contain_text("Sign in", timeout=15_000)
    assert ticket(page.context, strict_site)
