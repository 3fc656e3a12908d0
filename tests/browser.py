"""Debian's chromium, driven by Playwright."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.servers import component

ARGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    # Nothing but this machine: a page that needs the internet must fail here.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For modules of synchronous tests: while it lives, Playwright's event loop counts as
    running in this thread, so that async tests and Django's ORM refuse to work."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=component("chromium"), args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser profile of its own."""
    context = browser.new_context()
    yield context.new_page()
    context.close()
