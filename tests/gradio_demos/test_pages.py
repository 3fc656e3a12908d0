"""Every demo's page in a browser, under the site's Content-Security-Policy."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.gradio_demos.catalogue import DEMOS
from tests.servers import DEMO_PASSWORD, Site, wait_for

LIMIT = 30_000


@pytest.fixture(scope="module")
def signed_in(browser: Browser, demos_site: Site) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(LIMIT)
    page = context.new_page()
    page.goto(f"{demos_site.url}/accounts/login/")
    page.locator("input[name=login]").fill("ada")
    page.locator("input[name=password]").fill(DEMO_PASSWORD)
    page.locator("form button[type=submit], form input[type=submit]").last.click()
    page.wait_for_url(f"{demos_site.url}/")
    page.close()
    yield context
    context.close()


@pytest.fixture
def troubles() -> Iterator[list[str]]:
    """What a browser complains about while a test runs. There must be nothing in the end."""
    found: list[str] = []
    yield found
    assert not found


@pytest.fixture
def page(signed_in: BrowserContext, troubles: list[str]) -> Iterator[Page]:
    page = signed_in.new_page()
    page.on("pageerror", lambda error: troubles.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda message: (
            troubles.append(f"{page.url}: {message.text}") if message.type == "error" else None
        ),
    )
    yield page
    page.close()


def opened(page: Page, site: Site, slug: str) -> Page:
    page.goto(f"{site.url}/gradio/{slug}/", wait_until="commit")
    expect(page.locator(".gradio-container footer")).to_be_visible(timeout=LIMIT)
    return page


def test_every_page_is_shown_without_a_complaint(
    page: Page, demos_site: Site, troubles: list[str]
) -> None:
    for demo in DEMOS:
        opened(page, demos_site, demo.slug)
        page.wait_for_load_state()
        page.wait_for_timeout(100)
        assert not troubles
        page.goto("about:blank")
        # The frontend complains of streams that end because it is left.
        troubles.clear()


def test_a_page_that_a_demo_renders(page: Page, demos_site: Site) -> None:
    opened(page, demos_site, "render")
    expect(page.get_by_role("heading", name="No Input Provided")).to_be_visible()
    page.locator("textarea, input[type=text]").first.fill("xyz")
    expect(page.get_by_role("button", name="Clear")).to_have_count(3)
    page.get_by_role("button", name="Clear").first.click()
    boxes = page.locator("textarea, input[type=text]")
    wait_for(lambda: [box.input_value() for box in boxes.all()] == ["xyz", "", "y", "z"])


@pytest.mark.parametrize(
    ("slug", "text"),
    [
        ("warning", "This is a warning message."),
        ("info", "This is some info."),
        ("success", "Operation completed successfully!"),
    ],
)
def test_a_toast_of_a_demo(page: Page, demos_site: Site, slug: str, text: str) -> None:
    opened(page, demos_site, slug)
    expect(page.get_by_text(text)).to_be_visible()
    expect(page.get_by_text("hello world")).to_be_visible()


def test_pages_of_a_demo(page: Page, demos_site: Site) -> None:
    opened(page, demos_site, "route")
    page.get_by_role("link", name="Test").click()
    page.wait_for_url(re.compile("/gradio/route/test/?$"))
    expect(page.get_by_label("Number")).to_be_visible()

    opened(page, demos_site, "navbar")
    expect(page.get_by_role("link", name="My App")).to_be_visible()
    page.goto(f"{demos_site.url}/gradio/navbar/about")
    expect(page.get_by_text("This is the about page")).to_be_visible()


def test_what_is_clicked_reaches_the_function(page: Page, demos_site: Site) -> None:
    opened(page, demos_site, "event-data")
    page.get_by_role("gridcell").get_by_text("5", exact=True).click()
    said = page.locator("textarea, input[type=text]").last
    wait_for(lambda: "Dataframe object" in said.input_value())

    opened(page, demos_site, "html")
    page.get_by_role("button", name="Option 2").click()
    expect(page.get_by_label("Clicked Option")).to_have_value("Option 2")


def test_the_buttons_of_an_interface(page: Page, demos_site: Site) -> None:
    opened(page, demos_site, "readme")
    name, answer = page.get_by_label("name"), page.get_by_label("output")
    name.fill("Ada")
    page.get_by_role("button", name="Submit").click()
    expect(answer).to_have_value("Hello, Ada")
    page.get_by_role("button", name="Clear").click()
    expect(name).to_have_value("")
    expect(answer).to_have_value("")


def test_flagged_data_is_kept(page: Page, demos_site: Site) -> None:
    opened(page, demos_site, "readme-shared")
    page.get_by_label("name").fill("Ada")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_label("output")).to_have_value("Hello Ada!")
    page.get_by_role("button", name="Flag").click()
    rows = demos_site.log_file.parent / ".gradio/flagged/dataset1.csv"
    wait_for(lambda: rows.exists() and "Ada,Hello Ada!" in rows.read_text())


def test_a_plot_is_drawn(page: Page, demos_site: Site) -> None:
    opened(page, demos_site, "bar-plot")
    expect(page.locator(".vega-embed canvas, .vega-embed svg").first).to_be_visible()


def test_a_page_that_is_left_tells_the_demo(page: Page, demos_site: Site) -> None:
    opened(page, demos_site, "unload")
    page.goto("about:blank")
    wait_for(lambda: "\nhello\n" in demos_site.log)
