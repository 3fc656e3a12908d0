"""Every page of an account, the portal and the admin, in the states that people meet.

One person walks through them; each page is looked at on a phone and on a desk, in light and dark.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from tests.oidc_provider import Provider
from tests.servers import DEMO_PASSWORD, Site, wait_for

SIZES = {"phone": (390, 844), "desk": (1280, 800)}
BETWEEN = (600, 768, 1024, 1920)
SCHEMES = ("light", "dark")
SECRET = "correct horse battery"
# Left in the admin by Django's own templates and scripts.
DJANGOS = {"aria-prohibited-attr", "label-title-only", "link-in-text-block"}

UNLABELLED = """[...document.querySelectorAll("input, select, textarea")]
    .filter(field => !["hidden", "submit"].includes(field.type))
    .filter(field => field.checkVisibility() && !field.labels.length && !field.ariaLabel
            && !field.title && !field.getAttribute("aria-labelledby"))
    .map(field => field.outerHTML.slice(0, 100))"""
# What lies outside of the window, but for what scrolls within a box of its own.
WIDTHS = "[document.documentElement.scrollWidth, innerWidth]"
# Halfway from light to dark no colour is what it will be.
STILL = "document.getAnimations().every(one => one.playState !== 'running')"
INLINE = """[...document.querySelectorAll("*")].filter(one =>
       (one.tagName === "SCRIPT" && !one.src && one.type !== "application/json")
       || one.tagName === "STYLE"
       || [...one.attributes].some(a => (a.name === "style" && a.value) || a.name.startsWith("on"))
    ).map(one => one.outerHTML.slice(0, 100))"""


class Walk:
    """Somebody's browser, and what is wrong with the pages that it has shown."""

    def __init__(self, browser: Browser, site: Site) -> None:
        self.site = site
        self.page = browser.new_context().new_page()
        self.page.set_default_timeout(15_000)
        self.problems: list[Any] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.pages: set[str] = set()
        self.page.on("request", self._asked)
        self.page.on("console", self._said)

    def _said(self, line: ConsoleMessage) -> None:
        url = line.location["url"]
        # Chromium reports a page that comes with a status of 4xx.
        if line.type == "error" and url.startswith(self.site.url) and url not in self.pages:
            self.problems.append((url, line.text))

    def _asked(self, request: Request) -> None:
        if request.is_navigation_request():
            self.pages.add(request.url)

    def open(self, path: str) -> Page:
        self.page.goto(self.site.url + path)
        return self.page

    def press(self, name: str) -> None:
        self.page.get_by_role("main").get_by_role("button", name=name, exact=True).click()

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"main [name={name}]:not([type=hidden])").fill(value)

    def look(self, name: str, *, ours: bool = True) -> None:
        """The page as it is now, in all four settings, and whether it fits at other widths."""
        page = self.page
        self.problems += [(name, "no label", field) for field in page.evaluate(UNLABELLED)]
        if ours:
            self.problems += [(name, "inline", found) for found in page.evaluate(INLINE)]
        page.evaluate(Axe().axe_script)
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                wait_for(lambda: page.evaluate(STILL))
                where = f"{name} ({size}, {scheme})"
                self._measure(where)
                found = page.evaluate("axe.run({resultTypes: ['violations']})")
                self.problems += [
                    (where, violation["id"], [node["html"][:150] for node in violation["nodes"]])
                    for violation in found["violations"]
                    if violation["impact"] in {"serious", "critical"}
                    and (ours or violation["id"] not in DJANGOS)
                ]

        for width in BETWEEN:
            page.set_viewport_size({"width": width, "height": 800})
            self._measure(f"{name} ({width} px)")

    def _measure(self, where: str) -> None:
        inside, window = self.page.evaluate(WIDTHS)
        if inside > window:
            self.problems.append(f"{where} scrolls sideways: {inside} > {window}")

    def mail(self, pattern: str) -> str:
        """The newest link in the mails, which a development site prints."""
        found = wait_for(lambda: re.findall(rf"https?://[^/\s]+(/\S*{pattern}\S*)", self.site.log))
        return str(found[-1])

    def code(self, secret: str) -> None:
        self.fill(code=format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


@pytest.fixture
def walk(browser: Browser, sso_site: Site) -> Iterator[Walk]:
    walk = Walk(browser, sso_site)
    yield walk
    walk.page.context.close()


def test_before_one_is_signed_in(walk: Walk) -> None:
    for path in (
        "/accounts/login/?next=/accounts/sessions/",
        "/accounts/signup/",
        "/accounts/password/reset/",
        "/accounts/password/reset/done/",
        "/accounts/password/reset/key/1-nonsense/",
        "/accounts/password/reset/key/done/",
        "/accounts/confirm-email/",
        "/accounts/confirm-email/nonsense/",
        "/accounts/inactive/",
        "/accounts/oidc/sso/login/",
        "/accounts/connections/login/cancelled/",
        "/accounts/connections/login/error/",
    ):
        walk.open(path)
        expect(walk.page.get_by_role("heading", level=1)).to_have_count(1)
        walk.look(path)
    walk.open("/accounts/login/")
    walk.fill(login="nobody-of-that-name", password="wrong")
    walk.press("Sign in")
    expect(walk.page.get_by_role("alert")).to_be_visible()
    expect(walk.page.get_by_label("Password")).to_be_focused()
    walk.look("a failed sign-in")
    walk.open("/accounts/signup/")
    walk.fill(username="ada", email="ada@example.com", password1="short", password2="other")
    walk.press("Create account")
    expect(walk.page.get_by_label("User name")).to_be_focused()
    walk.look("a failed sign-up")
    assert walk.problems == []


def test_a_person_and_their_account(walk: Walk, oidc_provider: Provider) -> None:
    page = walk.page
    walk.open("/accounts/signup/?next=/accounts/sessions/")
    walk.fill(username="walker", email="walker@example.com", password1=SECRET, password2=SECRET)
    walk.press("Create account")
    page.wait_for_url("**/accounts/sessions/")
    walk.look("one session")
    walk.open("/")
    walk.look("the portal")
    page.locator(".menu summary").click()
    walk.look("the menu")

    walk.open(walk.mail("confirm-email"))
    walk.look("confirming an address")
    walk.press("Confirm")
    walk.open("/accounts/email/")
    walk.fill(email="another.very.long.address.of.walker@department.example.com")
    walk.press("Add the address")
    expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
    walk.look("showing the password again")
    walk.fill(password="wrong")
    walk.press("Go on")
    expect(page.get_by_label("Password")).to_be_focused()
    walk.look("showing the wrong password again")
    walk.fill(password=SECRET)
    walk.press("Go on")
    expect(page.get_by_text("Not confirmed")).to_be_visible()
    walk.look("two addresses")
    page.get_by_role("button", name="Remove another").click()

    walk.open("/accounts/keys/")
    walk.look("no keys")
    walk.fill(name="Nightly report of all the things that went wrong", apps="hello, dashboard")
    walk.press("Make the key")
    expect(page.get_by_role("status")).to_contain_text("gsk_")
    walk.look("a new key")
    page.get_by_role("link", name="Revoke Nightly report").click()
    walk.look("revoking a key")
    walk.open("/accounts/keys/")
    walk.fill(name="x", apps="No/slug")
    walk.press("Make the key")
    expect(page.get_by_label("Apps")).to_be_focused()
    walk.look("a key that cannot be")

    walk.open("/accounts/password/change/")
    walk.fill(oldpassword="wrong", password1="short", password2="other")
    walk.press("Change password")
    expect(page.get_by_label("Current password")).to_be_focused()
    walk.look("a password that cannot be")

    walk.open("/accounts/connections/")
    walk.look("no connections")
    walk.press("Connect Example ID")
    page.get_by_placeholder("sub").fill("walker-there")
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_url("**/accounts/connections/")
    expect(page.get_by_role("button", name="Disconnect Example ID")).to_be_visible()
    walk.look("a connection")

    walk.open("/accounts/two-factor/")
    walk.look("no second factor")
    page.get_by_role("link", name="Set up").click()
    walk.look("setting up a second factor")
    walk.fill(code="000000")
    walk.press("Switch on")
    walk.look("the wrong code in setting up")
    secret = page.locator("#totp-secret").inner_text()
    walk.code(secret)
    walk.press("Switch on")
    page.wait_for_url("**/recovery-codes/")
    walk.look("recovery codes")
    walk.open("/accounts/two-factor/")
    walk.look("a second factor")
    page.get_by_role("link", name="Make new ones").click()
    walk.look("new recovery codes")
    walk.open("/accounts/two-factor/totp/deactivate/")
    walk.look("switching the second factor off")

    walk.open("/accounts/logout/")
    walk.look("signing out")
    walk.press("Sign out")
    walk.fill(login="walker", password=SECRET)
    walk.press("Sign in")
    expect(page.get_by_label("Code")).to_be_focused()
    walk.look("asked for the code")
    walk.fill(code="000000")
    walk.press("Sign in")
    expect(page.get_by_label("Code")).to_be_focused()
    walk.look("the wrong code")
    walk.code(secret)
    walk.press("Sign in")
    page.wait_for_url(f"{walk.site.url}/")

    walk.open("/accounts/two-factor/reauthenticate/?next=/accounts/two-factor/")
    walk.look("showing a code again")
    walk.open("/admin/")
    walk.look("forbidden")
    assert walk.problems == []


def test_a_forgotten_password(walk: Walk) -> None:
    walk.open("/accounts/password/reset/")
    walk.fill(email="bob@example.com")
    walk.press("Send the link")
    expect(walk.page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    walk.open(walk.mail("password/reset/key"))
    walk.look("a new password")
    walk.fill(password1="short", password2="short")
    walk.press("Set password")
    expect(walk.page.get_by_label("New password", exact=True)).to_be_focused()
    walk.look("a new password that cannot be")
    assert walk.problems == []


def test_who_comes_by_single_sign_on(walk: Walk) -> None:
    page = walk.page
    walk.open("/accounts/login/?next=/accounts/sessions/")
    page.get_by_role("button", name="Sign in with Example ID").click()
    page.get_by_placeholder("sub").fill("erin")
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_url("**/accounts/connections/signup/")
    walk.look("what the provider did not say")
    walk.fill(username="erin", email="erin@example.com")
    walk.press("Create account")
    page.wait_for_url("**/accounts/sessions/")
    expect(page.get_by_text("This session")).to_be_visible()
    walk.open("/accounts/password/change/")
    walk.look("a first password")
    assert walk.problems == []


def test_the_admin(walk: Walk) -> None:
    walk.open("/admin/")
    walk.fill(login="admin", password=DEMO_PASSWORD)
    walk.press("Sign in")
    walk.page.wait_for_url("**/admin/")
    walk.look("/admin/", ours=False)
    walk.open("/")
    walk.look("the portal of an administrator")
    for path in (
        "/admin/auth/user/",
        "/admin/auth/user/1/change/",
        "/admin/auth/group/",
        "/admin/sessionstate/livesession/",
        "/admin/accounts/apikey/",
    ):
        walk.open(path)
        walk.look(path, ours=False)
    assert walk.problems == []


def test_who_tries_too_often(walk: Walk) -> None:
    """The last here: it uses up what this address may fail."""
    walk.open("/accounts/login/")
    said = walk.page.get_by_role("main").get_by_text("Too many")
    for _ in range(12):
        walk.fill(login="ada", password="wrong")
        with walk.page.expect_navigation():
            walk.press("Sign in")
        if said.count():
            break
    expect(said).to_be_visible()
    walk.look("too many attempts")
    assert walk.problems == []
