"""The account pages in a real browser: on a phone and on a desk, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.servers import DEMO_PASSWORD, Site

SIZES = {"phone": (390, 844), "desk": (1280, 800)}
ENTRANCE = ["/accounts/login/", "/accounts/password/reset/", "/accounts/signup/"]
PRIVATE = [
    "/",
    "/accounts/sessions/",
    "/accounts/keys/",
    "/accounts/password/change/",
    "/accounts/email/",
    "/accounts/logout/",
]


def sign_in(page: Page, site: Site, path: str = "/") -> None:
    page.goto(f"{site.url}/accounts/login/?next={path}")
    page.get_by_label("User name or e-mail").fill("bob")
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.url}{path}")


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return SIZES[request.param]


@pytest.fixture(params=["light", "dark"])
def looks(
    browser: Browser, size: tuple[int, int], request: pytest.FixtureRequest
) -> Iterator[Page]:
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=request.param
    )
    yield context.new_page()
    context.close()


def check(page: Page) -> None:
    where = page.url
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1], f"{where} scrolls sideways: {widths}"
    unlabelled = page.evaluate(
        """[...document.querySelectorAll("input:not([type=hidden]), select, textarea")]
           .filter(field => !field.labels.length).map(field => field.name)"""
    )
    assert unlabelled == [], where
    found = Axe().run(page)
    serious = [
        (violation["id"], [node["html"][:120] for node in violation["nodes"]])
        for violation in found.response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]
    assert serious == [], where


def test_every_page_fits_is_labelled_and_accessible(live_site: Site, looks: Page) -> None:
    problems: list[str] = []
    looks.on("pageerror", lambda error: problems.append(str(error)))
    looks.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    for path in ENTRANCE:
        looks.goto(live_site.url + path)
        check(looks)
    sign_in(looks, live_site)
    for path in PRIVATE:
        looks.goto(live_site.url + path)
        check(looks)
    looks.locator(".menu summary").click()
    expect(looks.get_by_role("button", name="Sign out").first).to_be_visible()
    check(looks)
    assert problems == []


def test_an_api_key_is_made_and_revoked(live_site: Site, looks: Page) -> None:
    sign_in(looks, live_site, "/accounts/keys/")
    looks.get_by_label("Name").fill("Nightly report of all the things that went wrong")
    looks.get_by_label("Apps").fill("hello, dashboard")
    looks.get_by_role("button", name="Make the key").click()
    expect(looks.get_by_role("heading", name="Is it you?")).to_be_visible()
    expect(looks.get_by_label("Password")).to_be_focused()
    check(looks)
    looks.keyboard.type(DEMO_PASSWORD)
    looks.keyboard.press("Enter")
    expect(looks.get_by_role("status")).to_contain_text("gsk_")
    check(looks)
    looks.get_by_role("link", name="Revoke Nightly report").click()
    check(looks)
    looks.get_by_role("button", name="Revoke the key").click()
    looks.wait_for_url("**/accounts/keys/")
    expect(looks.get_by_role("main")).to_contain_text("You have no API keys")
    check(looks)


def test_a_failed_sign_in_says_so_where_it_is_heard(live_site: Site, page: Page) -> None:
    page.goto(f"{live_site.url}/accounts/login/")
    page.get_by_label("User name or e-mail").fill("nobody-of-that-name")
    page.get_by_label("Password").fill("wrong")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The user name or the password is not right.")
    expect(page.get_by_label("User name or e-mail")).to_have_value("nobody-of-that-name")
    expect(page.get_by_label("Password")).to_have_value("")
    check(page)


def test_the_keyboard_reaches_everything(live_site: Site, page: Page) -> None:
    page.goto(f"{live_site.url}/accounts/password/reset/")
    page.keyboard.press("Tab")
    focused = page.locator(":focus")
    expect(focused).to_have_text("Skip to content")
    expect(focused).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("E-mail")).to_be_focused()
    sign_in(page, live_site)
    page.locator(".menu summary").focus()
    page.keyboard.press("Enter")
    for _ in range(6):
        page.keyboard.press("Tab")
    expect(page.locator(".menu-panel").get_by_role("button", name="Sign out")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts/login/")


def test_the_chosen_colours_stay(live_site: Site, page: Page) -> None:
    def background() -> str:
        found: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return found

    page.goto(f"{live_site.url}/accounts/login/")
    light = background()
    page.get_by_role("button", name="Switch to dark colours").click()
    dark = background()
    assert dark != light
    page.goto(f"{live_site.url}/accounts/password/reset/")
    assert background() == dark
    page.get_by_role("button", name="Switch to light colours").click()
    assert background() == light


def test_after_signing_out_the_back_button_shows_nothing_private(
    live_site: Site, page: Page
) -> None:
    sign_in(page, live_site, "/accounts/sessions/")
    expect(page.get_by_role("heading", name="Your sessions")).to_be_visible()
    page.locator(".menu summary").click()
    page.locator(".menu-panel").get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/login/")
    page.go_back()
    page.wait_for_url("**/accounts/login/**")
    expect(page.get_by_role("heading", name="Your sessions")).to_have_count(0)


def test_a_session_ended_elsewhere_is_out_at_the_next_click(
    live_site: Site, browser: Browser
) -> None:
    here, there = browser.new_context().new_page(), browser.new_context().new_page()
    sign_in(there, live_site, "/accounts/sessions/")
    sign_in(here, live_site, "/accounts/sessions/")
    here.get_by_role("button", name="End all other sessions").click()
    expect(here.get_by_role("status")).to_contain_text("Signed out")
    expect(here.get_by_role("row")).to_have_count(2)  # with the heading
    there.get_by_role("link", name="Password").first.click()
    there.wait_for_url("**/accounts/login/**")
    here.context.close()
    there.context.close()


def test_pages_need_nothing_inline(live_site: Site, page: Page) -> None:
    """A strict content security policy is possible: no inline script, style or handler."""
    pages = {path: page.request.get(live_site.url + path).text() for path in ENTRANCE}
    sign_in(page, live_site)
    pages |= {path: page.request.get(live_site.url + path).text() for path in PRIVATE}
    for path, html in pages.items():
        page.set_content(html)
        inline = page.evaluate(
            """[...document.querySelectorAll("*")].filter(one =>
               (one.tagName === "SCRIPT" && !one.src && one.type !== "application/json")
               || one.tagName === "STYLE"
               || [...one.attributes].some(a => a.name === "style" || a.name.startsWith("on"))
            ).map(one => one.outerHTML.slice(0, 100))"""
        )
        assert inline == [], path
