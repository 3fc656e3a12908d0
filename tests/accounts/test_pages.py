"""What people do on the account pages, in a real browser. How they look: test_page_walk.py."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.servers import DEMO_PASSWORD, Site


def sign_in(page: Page, site: Site, path: str = "/") -> None:
    page.goto(f"{site.url}/accounts/login/?next={path}")
    page.get_by_label("User name or e-mail").fill("bob")
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.url}{path}")


def test_a_failed_sign_in_says_so_where_it_is_heard(live_site: Site, page: Page) -> None:
    page.goto(f"{live_site.url}/accounts/login/")
    page.get_by_label("User name or e-mail").fill("nobody-of-that-name")
    page.get_by_label("Password").fill("wrong")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The user name or the password is not right.")
    expect(page.get_by_label("User name or e-mail")).to_have_value("nobody-of-that-name")
    expect(page.get_by_label("Password")).to_have_value("")
    expect(page.get_by_label("Password")).to_be_focused()


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


def test_a_session_ended_elsewhere_takes_its_pages_along(live_site: Site, browser: Browser) -> None:
    here, there = browser.new_context().new_page(), browser.new_context().new_page()
    sign_in(there, live_site, "/accounts/sessions/")
    sign_in(here, live_site, "/accounts/sessions/")
    here.get_by_role("button", name="End all other sessions").click()
    expect(here.get_by_role("status")).to_contain_text("Signed out")
    expect(here.get_by_role("row")).to_have_count(2)  # with the heading
    there.wait_for_url("**/accounts/login/**")
    here.context.close()
    there.context.close()
