"""The conversations of a chat, in a browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.servers import DEMO_PASSWORD, Site, SiteFactory

PHONE: Any = {
    "user_agent": "Mozilla/5.0 (Linux; Android 14) Chrome/130 Mobile Safari/537.36",
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
}


@pytest.fixture
def site(live_server_factory: SiteFactory) -> Site:
    return live_server_factory(env={"EXTRA_APPS": "tests.gradio_ui.kit"})


def sign_in(page: Page, site: Site) -> list[str]:
    """What the console says from now on."""
    said: list[str] = []
    page.on(
        "console", lambda message: said.append(message.text) if message.type == "error" else None
    )
    url = f"{site.url}/gradio/kit-chat/"
    page.goto(url)
    page.locator("input[name=login]").fill("ada")
    page.locator("input[name=password]").fill(DEMO_PASSWORD)
    page.locator("form button[type=submit]").last.click()
    page.wait_for_url(url)
    return said


def ask_for(page: Page, text: str, answer: str) -> None:
    question = page.locator("textarea")
    question.fill(text)
    question.press("Enter")
    expect(page.get_by_role("log")).to_contain_text(answer, timeout=20_000)
    expect(question).to_be_enabled()


def test_a_title_that_is_being_written_survives_an_answer(site: Site, page: Page) -> None:
    said = sign_in(page, site)
    ask_for(page, "first", "0:FIRST")
    title = page.get_by_label("Title of this conversation")
    sure = page.get_by_role("button", name="Delete for good")
    expect(title).to_have_value("first")
    # What hides this again shows the list anew.
    page.get_by_role("button", name="Delete this conversation").click()
    expect(sure).to_be_visible()
    title.fill("Half a na")
    ask_for(page, "second", "2:SECOND")
    expect(sure).to_be_hidden()
    expect(title).to_have_value("Half a na")
    title.press("Enter")
    expect(page.get_by_role("gridcell", name="Half a na")).to_be_visible()
    assert said == []


def test_open_rename_undo_export_delete(site: Site, page: Page, browser: Browser) -> None:
    said = sign_in(page, site)
    log = page.get_by_role("log")
    expect(page.get_by_text("No conversations yet")).to_be_visible()

    ask_for(page, "first", "0:FIRST")
    ask_for(page, "second", "2:SECOND")
    title = page.get_by_label("Title of this conversation")
    expect(title).to_have_value("first")
    title.fill("Its name")
    title.press("Enter")
    expect(page.get_by_role("gridcell", name="Its name")).to_be_visible()

    page.get_by_role("button", name="Undo").click()
    expect(log).not_to_contain_text("SECOND")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.reload()
    expect(log).to_contain_text("0:FIRST", timeout=20_000)
    expect(log).not_to_contain_text("SECOND")

    page.get_by_role("button", name="New chat").click()
    expect(log).not_to_contain_text("FIRST")
    ask_for(page, "other", "0:OTHER")
    page.get_by_role("gridcell", name="Its name").click()
    expect(log).to_contain_text("0:FIRST", timeout=20_000)
    with page.expect_download() as download:
        page.get_by_role("link", name="Markdown").click()
    assert "## Answer" in Path(download.value.path()).read_text()

    page.get_by_role("button", name="Delete this conversation").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("gridcell", name="Its name")).to_have_count(0)
    expect(log).not_to_contain_text("FIRST")
    expect(page.get_by_role("gridcell", name="other")).to_be_visible()
    page.goto("about:blank")
    assert said == []

    phone = browser.new_context(**PHONE).new_page()
    sign_in(phone, site)
    expect(phone.locator("textarea")).to_be_enabled()
    expect(phone.get_by_role("button", name="New chat")).not_to_be_in_viewport()
    phone.get_by_label("Toggle Sidebar").click()
    phone.get_by_role("gridcell", name="other").click()
    expect(phone.get_by_role("log")).to_contain_text("0:OTHER")
    phone.context.close()


def test_the_panel_speaks_the_readers_language(site: Site, browser: Browser) -> None:
    context = browser.new_context(locale="de-DE")
    page = context.new_page()
    said = sign_in(page, site)
    expect(page.get_by_role("button", name="Neue Unterhaltung")).to_be_visible()
    expect(page.get_by_text("Noch keine Unterhaltungen")).to_be_visible()
    page.locator("textarea").fill("first")
    page.locator("textarea").press("Enter")
    expect(page.get_by_label("Titel dieser Unterhaltung")).to_have_value("first", timeout=20_000)
    expect(page.get_by_text("Herunterladen als Markdown oder JSON")).to_be_visible()
    expect(page.get_by_role("button", name="Diese Unterhaltung löschen")).to_be_visible()
    expect(page.get_by_text("conversations_")).to_have_count(0)
    assert said == []
    context.close()
