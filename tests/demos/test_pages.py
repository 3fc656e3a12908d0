"""The four apps as people see them: on a phone and on a wide desk, in light and dark."""

from collections.abc import Iterator, Sequence

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.servers import DEMO_PASSWORD, Site

USERS = {"assistant": "bob", "dashboard": "ada", "sessions": "admin", "account": "bob"}
WIDTHS = (390, 768, 1280, 1920)
# In Gradio's own markup, by rule and selector.
GRADIOS = {
    # The examples of a chat are buttons in an element that calls itself a list.
    ("aria-required-children", ".examples"),
}


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


def sign_in(context: BrowserContext, site: Site, user: str) -> None:
    answer = context.request.post(
        f"{site.url}/api/auth/login", data={"username": user, "password": DEMO_PASSWORD}
    )
    assert answer.ok, answer.text()


def open_app(page: Page, site: Site, slug: str) -> None:
    page.goto(f"{site.url}/gradio/{slug}/")
    expect(page.locator(".page-header h1")).to_be_visible(timeout=20_000)


def ask(page: Page, question: str) -> None:
    box = page.locator("textarea").first
    box.fill(question)
    box.press("Enter")
    expect(page.locator("#assistant-chat .bot.message").last).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Retry")).to_be_visible(timeout=20_000)


def problems_of_pages(
    site: Site, browser: Browser, scheme: str = "light", widths: Sequence[int] = ()
) -> list[str]:
    problems: list[str] = []
    for slug, user in USERS.items():
        context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
        sign_in(context, site, user)
        page = context.new_page()
        page.on("pageerror", lambda error, slug=slug: problems.append(f"{slug}: {error}"))
        page.on(
            "console",
            lambda line, slug=slug: (
                problems.append(f"{slug}: {line.text} {line.location['url']}")
                if line.type == "error"
                else None
            ),
        )
        page.on(
            "request",
            lambda request, slug=slug: (
                None
                if request.url.startswith((site.url, "data:", "blob:"))
                else problems.append(f"{slug}: asks {request.url}")
            ),
        )
        open_app(page, site, slug)
        if slug == "dashboard":
            page.get_by_role("button", name="Use the sample").click()
            expect(page.locator("canvas, svg.marks").first).to_be_visible(timeout=20_000)
        page.evaluate(Axe().axe_script)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(300)  # plots are drawn anew
            overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            if overflow > 0:
                problems.append(f"{slug}: is {overflow} px too wide at {width} px")
            problems.extend(f"{slug} at {width} px: {found}" for found in barriers(page))
        is_dark = page.evaluate("document.body.classList.contains('dark')")
        if is_dark != (scheme == "dark"):
            problems.append(f"{slug}: is not {scheme}")
        context.close()
    return problems


def barriers(page: Page) -> list[str]:
    """What axe finds, once the page has come to rest: while parts of it are still being filled in,
    others may scroll that do not afterwards."""
    for attempt in range(5):
        page.wait_for_timeout(1_000 if attempt else 0)
        violations = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        found = [
            f"{violation['id']} {node['target']} {node['html'][:120]}"
            for violation in violations
            if violation["impact"] in {"serious", "critical"}
            for node in violation["nodes"]
            if (violation["id"], *node["target"]) not in GRADIOS
        ]
        if not found:
            break
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_its_screen_is_accessible_and_reports_no_error(
    live_site: Site, browser: Browser, scheme: str
) -> None:
    assert problems_of_pages(live_site, browser, scheme, WIDTHS) == []


def test_the_colours_chosen_on_the_site_s_pages_hold_in_the_apps(
    live_site: Site, context: BrowserContext
) -> None:
    sign_in(context, live_site, "bob")
    context.add_init_script("localStorage.setItem('theme', 'dark')")
    page = context.new_page()
    open_app(page, live_site, "account")
    expect(page.locator("body")).to_contain_class("dark")


def test_two_tabs_of_one_chat_undo_retry_and_new_chat(
    live_site: Site, context: BrowserContext
) -> None:
    sign_in(context, live_site, "ada")
    first, second = context.new_page(), context.new_page()
    for tab in (first, second):
        open_app(tab, live_site, "assistant")
    first.get_by_role("button", name="New chat").click()
    first.wait_for_timeout(1_500)
    ask(first, "What is a ticket?")
    ask(second, "How do I sign out everywhere?")

    first.reload()
    questions = first.locator("#assistant-chat .user.message")
    expect(questions).to_have_text(["What is a ticket?", "How do I sign out everywhere?"])

    first.get_by_role("button", name="Retry").click()
    expect(first.get_by_role("button", name="Retry")).to_be_visible(timeout=20_000)
    first.wait_for_timeout(3_000)
    first.reload()
    expect(questions).to_have_text(["What is a ticket?", "How do I sign out everywhere?"])

    first.get_by_role("button", name="Undo").click()
    first.wait_for_timeout(1_500)
    first.reload()
    expect(questions).to_have_text(["What is a ticket?"])

    # A message after a reload does not wipe what was there.
    ask(first, "What is atomic?")
    expect(questions).to_have_text(["What is a ticket?", "What is atomic?"])

    first.get_by_role("button", name="New chat").click()
    expect(questions).to_have_count(0)
    first.reload()
    expect(first.get_by_text("Your conversation is kept for you")).to_be_visible(timeout=20_000)
    expect(questions).to_have_count(0)


def test_a_plot_follows_the_choices_and_they_are_there_after_a_reload(
    live_site: Site, context: BrowserContext
) -> None:
    sign_in(context, live_site, "ada")
    page = context.new_page()
    open_app(page, live_site, "dashboard")
    page.get_by_role("button", name="Use the sample").click()
    expect(page.get_by_text("mean of rentals")).to_be_visible(timeout=20_000)
    page.wait_for_timeout(1_000)
    expect(page.get_by_text("mean of rentals")).to_be_visible()
    page.get_by_label("Scatter").check()
    expect(page.get_by_text("mean of rentals")).to_be_hidden(timeout=20_000)
    # As a paste does it: without keys.
    page.get_by_placeholder("all rows").fill("2025-03")
    page.get_by_placeholder("all rows").press("Enter")
    expect(page.get_by_text("60 of 732 rows")).to_be_visible(timeout=20_000)
    page.reload()
    expect(page.get_by_text("60 of 732 rows")).to_be_visible(timeout=20_000)
    expect(page.get_by_label("Scatter")).to_be_checked()
    expect(page.get_by_placeholder("all rows")).to_have_value("2025-03")

    page.get_by_role("button", name="Forget my data").click()
    expect(page.get_by_text("60 of 732 rows")).to_be_hidden(timeout=20_000)


def test_a_bad_file_gives_a_message_in_the_page(live_site: Site, context: BrowserContext) -> None:
    sign_in(context, live_site, "ada")
    page = context.new_page()
    open_app(page, live_site, "dashboard")
    page.locator("input[type=file]").first.set_input_files(
        {"name": "book.csv", "mimeType": "text/csv", "buffer": b"PK\x03\x04 rest of a workbook"}
    )
    expect(page.get_by_text("This is an Excel file. Save it as CSV first.")).to_be_visible(
        timeout=20_000
    )


def test_staff_end_a_session_by_its_row_with_a_confirmation(
    live_site: Site, context: BrowserContext
) -> None:
    victim = live_site.sign_in("bob")
    me = context.request.get(f"{live_site.url}/api/auth/me", headers=victim).json()
    sign_in(context, live_site, "admin")
    page = context.new_page()
    open_app(page, live_site, "sessions")
    page.get_by_text(me["session_id"][:8]).locator("visible=true").first.click()
    expect(page.get_by_placeholder("Select a session")).to_have_value(me["session_id"][:8])
    page.get_by_role("button", name="End session").click()
    expect(page.get_by_text("of bob")).to_be_visible(timeout=20_000)
    expect(page.get_by_label("This is the session I am using")).to_be_hidden()
    page.get_by_role("button", name="Yes, end it").click()
    expect(page.get_by_text("has ended")).to_be_visible(timeout=20_000)
    row = page.get_by_text(me["session_id"][:8], exact=True).locator("visible=true")
    expect(row).to_have_count(0, timeout=20_000)


def test_signing_out_from_the_account_page_leads_to_the_login_page(
    live_site: Site, context: BrowserContext
) -> None:
    sign_in(context, live_site, "bob")
    page = context.new_page()
    open_app(page, live_site, "account")
    nothing = page.get_by_text("Nothing yet")
    expect(nothing).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Count").click()
    expect(page.get_by_text("Pressed 1 time")).to_be_visible(timeout=20_000)
    expect(nothing).to_be_hidden(timeout=20_000)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{live_site.url}/accounts/login/**")
    page.goto(f"{live_site.url}/gradio/account/")
    page.wait_for_url(f"{live_site.url}/accounts/login/**")
