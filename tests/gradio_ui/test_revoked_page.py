"""An open page whose login ends while it waits for an answer."""

import re

import httpx
from playwright.sync_api import Page, expect

from tests.servers import DEMO_PASSWORD, Site


def sign_in(page: Page, site: Site) -> None:
    body = {"username": "ada", "password": DEMO_PASSWORD}
    answer = page.context.request.post(f"{site.url}/api/auth/login", data=body)
    assert answer.ok, answer.text()


def test_it_says_so_and_works_again_after_a_new_sign_in(live_site: Site, page: Page) -> None:
    sign_in(page, live_site)
    page.goto(f"{live_site.url}/gradio/probe/")
    page.get_by_role("button", name="Run for ever").click()
    number = page.get_by_label("Number")
    expect(number).to_have_value(re.compile("[1-9]"), timeout=20_000)
    page.evaluate("window.sameDocument = true")

    elsewhere = live_site.sign_in("ada")
    httpx.delete(f"{live_site.url}/api/sessions", headers=elsewhere).raise_for_status()
    covered = page.get_by_role("dialog", name="You have been signed out")
    expect(covered).to_be_visible(timeout=10_000)
    stopped = number.input_value()
    page.wait_for_timeout(1000)
    assert number.input_value() == stopped

    sign_in(page, live_site)
    other = page.context.new_page()
    other.goto(f"{live_site.url}/gradio/probe/")
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=10_000)
    page.get_by_label("Key", exact=True).fill("word")
    page.get_by_label("Value", exact=True).fill("again")
    page.get_by_role("button", name="Remember").click()
    page.get_by_label("Value", exact=True).fill("")
    page.get_by_role("button", name="Recall").click()
    expect(page.get_by_label("Value", exact=True)).to_have_value("again", timeout=20_000)
    assert page.evaluate("window.sameDocument"), "it has not been reloaded"
