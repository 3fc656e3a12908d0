"""What the site adds to Gradio's pages, in a browser: the bar, and a session that is live."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.staticfiles import finders
from playwright.sync_api import APIResponse, Browser, BrowserContext, Locator, Page, Route, expect

from benchmarks.page_load import Traffic
from gradio_ui.frontend import HashedStorage
from tests.servers import DEMO_PASSWORD, GRACE, Site, SiteFactory, manage

APPS = {"EXTRA_APPS": "tests.gradio_ui.shell"}
# As behind a proxy that knows none, and swallows the request for one.
NO_WEBSOCKET = "window.WebSocket = class { close() {} }"
WIDTHS = (390, 768, 1280, 1920)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, demo_database: Any) -> Iterator[Site]:
    factory = SiteFactory(tmp_path_factory.mktemp("shell"), demo_database)
    yield factory("daphne", env=APPS)
    factory.close()


class Person:
    """Somebody at a browser of their own, and what went wrong on the pages."""

    def __init__(self, browser: Browser, site: Site, name: str = "") -> None:
        self.site = site
        self.context: BrowserContext = browser.new_context()
        self.problems: list[str] = []
        if name:
            self.sign_in(name)

    def sign_in(self, name: str) -> None:
        """Not on a page."""
        body = {"username": name, "password": DEMO_PASSWORD}
        answer = self.context.request.post(f"{self.site.url}/api/auth/login", data=body)
        assert answer.ok, answer.text()

    def end_session(self) -> None:
        own = {"Origin": self.site.url}
        answer = self.context.request.post(f"{self.site.url}/api/auth/logout", headers=own)
        assert answer.ok, answer.text()

    def open(self, slug: str = "notes") -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on(
            "console",
            lambda line: self.problems.append(line.text) if line.type == "error" else None,
        )
        page.goto(f"{self.site.url}/gradio/{slug}/")
        ready(page)
        return page


@pytest.fixture
def ada(browser: Browser, site: Site) -> Iterator[Person]:
    person = Person(browser, site, "ada")
    yield person
    person.context.close()


def ready(page: Page) -> None:
    expect(page.get_by_label("Item").first).to_be_visible(timeout=20_000)
    page.evaluate("window.sameDocument = true")


def is_same_document(page: Page) -> bool:
    return bool(page.evaluate("window.sameDocument === true"))


def cover(page: Page) -> Locator:
    return page.get_by_role("dialog", name="You have been signed out")


def status(page: Page) -> Locator:
    return page.locator("gradio-session-bar").get_by_role("status")


def fill_login(page: Page, name: str) -> None:
    page.wait_for_url("**/accounts/login/**")
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill(DEMO_PASSWORD)
    page.locator("main form button[type=submit]").first.click()


def write(page: Page, text: str) -> None:
    box = page.get_by_label("Item", exact=True)
    box.click()
    page.keyboard.type(text)
    expect(box).to_have_value(text)


def add(page: Page, text: str) -> None:
    page.get_by_label("Item", exact=True).fill(text)
    page.get_by_role("button", name="Add").click()


def test_modules_import_one_another_by_their_hashed_names(tmp_path: Path) -> None:
    found = finders.find("gradio_ui/shell")
    assert isinstance(found, str)
    shutil.copytree(found, tmp_path / "shell")
    storage = HashedStorage(location=str(tmp_path), base_url="/static/")
    names = [f"shell/{path.name}" for path in Path(found).iterdir()]
    list(storage.post_process({name: (storage, name) for name in names}))
    main = (tmp_path / storage.hashed_files["shell/shell.js"]).read_text()
    imported = re.findall(r'"\./([^"]+)"', main)
    assert len(imported) >= 3
    for name in imported:
        assert re.fullmatch(r"\w+\.[0-9a-f]{12}\.js", name), name
        assert (tmp_path / "shell" / name).exists()


def test_a_page_loads_all_its_modules_at_once(ada: Person) -> None:
    found = finders.find("gradio_ui/shell")
    assert isinstance(found, str)
    modules = {path.name for path in Path(found).glob("*.js")}
    html = ada.context.request.get(f"{ada.site.url}/gradio/notes/").text()
    named = re.findall(r"gradio_ui/shell/(\w+\.js)", html)
    assert set(named) == modules
    assert len(named) == len(set(named))


def test_a_page_that_is_filled_in_is_the_one_that_gradio_makes(
    browser: Browser, site: Site
) -> None:
    """The first makes it, the second is given it; with a query Gradio makes one for that alone."""

    def page(person: Person, query: str = "") -> str:
        answer = person.context.request.get(f"{site.url}/gradio/aside/{query}")
        assert answer.ok
        html = answer.text()
        # What differs from page to page.
        for secret in (r'nonce="[^"]+"', r'name="csrfmiddlewaretoken" value="\w+"'):
            assert re.search(secret, html)
            html = re.sub(secret, "", html)
        return html

    for name in ("ada", "bob"):
        person = Person(browser, site, name)
        assert page(person) == page(person) == page(person, "?plain=1")
        assert f'"username":"{name}"' in page(person)
        person.context.close()


def test_the_bar_says_who_is_there_and_where_one_may_go(browser: Browser, site: Site) -> None:
    bob = Person(browser, site, "bob")
    page = bob.open()
    bar = page.locator("gradio-session-bar")
    assert bar.bounding_box()["height"] <= 44  # type: ignore[index]
    bar.locator("summary", has_text="Notes").click()
    apps = bar.get_by_role("navigation", name="Apps")
    names = set(apps.get_by_role("listitem").all_inner_texts())
    shown = {name.split("\n")[-1] for name in names}
    assert {"Assistant", "Notes", "All apps"} <= shown
    assert "Live sessions" not in shown, "it is for staff"
    expect(apps.locator("[aria-current=page]")).to_contain_text("Notes")
    page.keyboard.press("Escape")
    expect(apps.get_by_role("listitem")).to_have_count(0)
    expect(bar.locator("summary", has_text="Notes")).to_be_focused()

    account = bar.locator("summary", has_text="bob")
    account.focus()
    page.keyboard.press("Enter")
    expect(bar.get_by_role("link", name="Your account")).to_be_visible()
    expect(bar.get_by_role("link", name="Admin")).to_have_count(0)
    page.get_by_label("Item", exact=True).click()
    expect(bar.get_by_role("link", name="Your account")).to_have_count(0)

    assert bob.open("bare-top").locator("gradio-session-bar").count() == 0
    admin = Person(browser, site, "admin")
    expect(admin.open().locator("gradio-session-bar summary").last).to_contain_text("Administrator")
    assert bob.problems + admin.problems == []
    for person in (bob, admin):
        person.context.close()


def test_a_second_visit_asks_for_no_file_again(ada: Person) -> None:
    ada.open("aside").close()
    page = ada.context.new_page()
    traffic = Traffic()
    traffic.listen(ada.context, page)
    page.goto(f"{ada.site.url}/gradio/aside/")
    ready(page)
    page.wait_for_timeout(1_000)
    asked = {urlsplit(asked.url).path for asked in traffic.requests.values()}
    assert f"{ada.site.url}/gradio/aside/" in {one.url for one in traffic.requests.values()}
    # But the site's own, which in development are not named by their content.
    files = {path for path in asked if re.search(r"/static/gradio/|/assets/|theme.css", path)}
    assert files == set()
    assert 0 < sum(traffic.sizes.values()) < 30_000


def test_a_visitor_is_offered_to_sign_in_and_comes_back(browser: Browser, site: Site) -> None:
    visitor = Person(browser, site)
    page = visitor.open("guests")
    write(page, "hello")
    page.wait_for_timeout(1_000)
    expect(cover(page)).to_have_count(0)
    bar = page.locator("gradio-session-bar")
    expect(bar.get_by_role("button", name="Sign out")).to_have_count(0)
    bar.get_by_role("link", name="Sign in").click()
    fill_login(page, "ada")
    page.wait_for_url("**/gradio/guests/")
    expect(bar.locator("summary").last).to_contain_text("ada")
    assert visitor.problems == []
    visitor.context.close()


def test_a_visitor_who_signs_in_in_another_tab_goes_on_as_that(
    browser: Browser, site: Site
) -> None:
    visitor = Person(browser, site)
    page = visitor.open("guests")
    write(page, "begun as a guest")
    visitor.sign_in("ada")
    asks = page.get_by_role("dialog", name="You have signed in")
    expect(asks).to_contain_text("signed in as ada", timeout=20_000)
    expect(cover(page)).to_have_count(0)
    page.keyboard.press("Escape")
    asks.get_by_role("button", name="Go on as ada").click()
    expect(page.locator("gradio-session-bar summary").last).to_contain_text("ada")
    expect(page.get_by_label("Item")).to_have_value("begun as a guest", timeout=20_000)
    # With the visit over, the page asks who there is, perhaps before the browser has the answer to
    # the sign-in.
    assert [line for line in visitor.problems if "401" not in line] == []
    visitor.context.close()


def test_light_or_dark_is_one_choice_for_apps_and_the_site(ada: Person) -> None:
    page, other = ada.open(), ada.open()
    page.get_by_role("button", name="Switch to dark colours").click()
    for tab in (page, other):
        expect(tab.locator("body")).to_contain_class("dark")
    page.reload()
    expect(page.locator("body")).to_contain_class("dark")
    page.goto(f"{ada.site.url}/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_nothing_is_too_wide_or_hard_to_perceive(ada: Person) -> None:
    page = ada.open()
    page.evaluate(Axe().axe_script)
    states = {
        "closed": lambda: None,
        "apps": lambda: page.locator("gradio-session-bar summary").first.click(),
        "account": lambda: page.locator("gradio-session-bar summary").last.click(),
        "signed out": lambda: ada.end_session(),
    }
    found = []
    for name, enter in states.items():
        enter()
        if name == "signed out":
            expect(cover(page)).to_be_visible()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    found.append(f"{name} at {width} px scrolls sideways")
            page.wait_for_timeout(300)  # colours that fade
            result = page.evaluate("axe.run({resultTypes: ['violations']})")
            found += [
                f"{name}, {scheme}: {v['id']} {[node['html'][:120] for node in v['nodes']]}"
                for v in result["violations"]
                if v["impact"] in {"serious", "critical"}
            ]
    assert found == []
    assert ada.problems == []


def test_signing_out_in_one_tab_covers_the_others_and_the_text_comes_back(ada: Person) -> None:
    here, there, account = ada.open(), ada.open(), ada.context.new_page()
    account.goto(f"{ada.site.url}/accounts/sessions/")
    write(there, "a long thought")
    here.bring_to_front()
    here.locator("gradio-session-bar summary").last.click()
    here.get_by_role("button", name="Sign out").click()
    here.wait_for_url("**/accounts/login/**")
    # In the background it must happen too.
    expect(cover(there)).to_be_visible(timeout=1_000 * (1 + GRACE))
    account.wait_for_url("**/accounts/login/**")
    assert ada.problems == []

    cover(there).get_by_role("link", name="Sign in").click()
    fill_login(there, "ada")
    there.wait_for_url("**/gradio/notes/")
    expect(there.get_by_label("Item", exact=True)).to_have_value("a long thought", timeout=20_000)
    there.get_by_role("button", name="Add").click()
    expect(there.get_by_label("Item", exact=True)).to_have_value("", timeout=20_000)


def test_what_one_has_written_is_not_shown_to_who_signs_in_next(ada: Person) -> None:
    page = ada.open()
    write(page, "for nobody else")
    ada.end_session()
    cover(page).get_by_role("link", name="Sign in").click()
    fill_login(page, "bob")
    page.wait_for_url("**/gradio/notes/")
    ready(page)
    page.wait_for_timeout(1_000)
    expect(page.get_by_label("Item", exact=True)).to_have_value("")
    assert page.evaluate("sessionStorage.length") == 0


def end_by_command(browser: Browser, site: Site, session_id: str) -> None:
    done = manage("sessions", "revoke", session_id, "--no-input", env=site.env)
    assert done.returncode == 0, done.stderr


def end_in_the_admin(browser: Browser, site: Site, session_id: str) -> None:
    admin = Person(browser, site, "admin")
    page = admin.context.new_page()
    page.goto(f"{site.url}/admin/sessionstate/livesession/")
    page.get_by_role("link", name=session_id[:8]).click()
    page.get_by_role("button", name="Revoke this session").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("1 session was revoked.")).to_be_visible()
    admin.context.close()


@pytest.mark.parametrize("end", [end_by_command, end_in_the_admin])
def test_an_operator_ends_a_session_and_the_page_is_covered(
    browser: Browser, ada: Person, end: Callable[[Browser, Site, str], None]
) -> None:
    page = ada.open()
    me = ada.context.request.get(f"{ada.site.url}/api/auth/me").json()
    end(browser, ada.site, me["session_id"])
    expect(cover(page)).to_be_visible(timeout=1_000 * (1 + GRACE))
    # Signed in again elsewhere, the page goes on where it was.
    ada.sign_in("ada")
    ada.open().close()
    expect(cover(page)).to_have_count(0, timeout=10_000)
    assert is_same_document(page)
    add(page, "after")
    expect(page.get_by_label("Item", exact=True)).to_have_value("", timeout=20_000)


@pytest.mark.parametrize("what", ["an event", "an upload"])
def test_without_websockets_the_next_request_tells(ada: Person, what: str) -> None:
    ada.context.add_init_script(NO_WEBSOCKET)
    page = ada.open()
    write(page, "unsent")
    ada.end_session()
    page.wait_for_timeout(500)
    expect(cover(page)).to_have_count(0)
    if what == "an event":
        page.get_by_role("button", name="Choose").click()
    else:
        file = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"x"}
        page.locator("input[type=file]").set_input_files([file])  # type: ignore[list-item]
    expect(cover(page)).to_be_visible(timeout=10_000)
    cover(page).get_by_role("link", name="Sign in").click()
    fill_login(page, "ada")
    page.wait_for_url("**/gradio/notes/")
    expect(page.get_by_label("Item", exact=True)).to_have_value("unsent", timeout=20_000)


def test_a_page_follows_what_other_tabs_and_devices_change(browser: Browser, ada: Person) -> None:
    here, there = ada.open(), ada.open()
    device = Person(browser, ada.site, "ada")
    far = device.open()
    add(here, "milk")
    expect(there.get_by_label("Items")).to_have_value("milk", timeout=20_000)
    expect(there.get_by_label("Told")).to_have_value("1", timeout=20_000)
    far.get_by_label("Colour", exact=True).fill("green")
    far.get_by_role("button", name="Choose").click()
    for page in (here, there):
        expect(page.get_by_label("Chosen")).to_have_value("green", timeout=20_000)
    # It knows what it has done itself, and another login's session is not its own.
    expect(here.get_by_label("Told")).to_have_value("0")
    expect(far.get_by_label("Items")).to_have_value("")
    assert ada.problems + device.problems == []
    device.context.close()


def test_what_changes_while_a_page_shows_the_change_before_is_shown_after_it(ada: Person) -> None:
    here, there = ada.open(), ada.open()
    shown = there.get_by_label("Late", exact=True)
    add(here, "milk")
    expect(shown).to_have_value("…", timeout=20_000)
    add(here, "bread")
    expect(shown).to_have_value("milk, bread", timeout=20_000)


def held_back(page: Page, url: str, item: str) -> tuple[Route, APIResponse]:
    """The answer to the next request, made by adding the item. The page waits for it."""
    held: list[Route] = []
    page.route(url, lambda route: held.append(route), times=1)
    add(page, item)
    while not held:
        page.wait_for_timeout(50)
    return held[0], held[0].fetch()


def test_an_event_is_heard_though_the_stream_has_ended_before_it(ada: Person) -> None:
    """The server ends a stream after the last event that it knows of. By the time that the page
    hears so, the next event may have been accepted."""
    page = ada.open()
    route, answer = held_back(page, "**/queue/data?*", "milk")
    assert '"close_stream"' in answer.text()
    with page.expect_response("**/queue/join?*") as joined:
        page.get_by_role("button", name="Slowly").click()
    joined.value.finished()
    page.wait_for_timeout(200)
    route.fulfill(response=answer)
    expect(page.get_by_label("Item", exact=True)).to_have_value("", timeout=20_000)
    expect(page.get_by_label("Number")).to_have_value(re.compile("[1-9]"), timeout=20_000)
    assert ada.problems == []


def test_a_stream_ends_though_an_event_was_over_before_it_was_accepted(ada: Person) -> None:
    """As the page hears it, which must not wait for that event then."""
    here, there = ada.open(), ada.open()
    streams: list[str] = []
    there.on("request", lambda one: streams.append(one.url) if "/queue/data" in one.url else None)
    add(here, "milk")
    expect(there.get_by_label("Late", exact=True)).to_have_value("…", timeout=20_000)
    route, answer = held_back(there, "**/queue/join?*", "bread")
    there.wait_for_timeout(500)
    route.fulfill(response=answer)
    expect(there.get_by_label("Item", exact=True)).to_have_value("", timeout=20_000)
    opened = len(streams)
    expect(there.get_by_label("Late", exact=True)).to_have_value("milk", timeout=20_000)
    there.wait_for_timeout(1_000)
    assert opened == len(streams) > 0
    assert ada.problems == []


def test_a_page_survives_a_restart_and_then_asks_whether_anybody_is_there(
    ada: Person, tmp_path_factory: pytest.TempPathFactory, demo_database: Any
) -> None:
    page = ada.open()
    add(page, "before")
    expect(page.get_by_label("Item", exact=True)).to_have_value("", timeout=20_000)
    page.get_by_role("button", name="Slowly").click()
    expect(page.get_by_label("Number")).to_have_value(re.compile("[1-9]"), timeout=20_000)
    # Without a word: the stream is cut in the middle of an event.
    ada.site.process.kill()
    ada.site.process.wait()
    expect(status(page)).to_have_text("Reconnecting…", timeout=10_000)
    expect(cover(page)).to_have_count(0)
    expect(page.get_by_text("The connection was interrupted").first).to_be_visible()
    # Waits for the server and is sent once.
    add(page, "meanwhile")

    factory = SiteFactory(tmp_path_factory.mktemp("again"), demo_database)
    directory = ada.site.log_file.parent
    env = APPS | {"SESSION_IDLE_AGE": "16"}
    again = factory("daphne", directory=directory, port=ada.site.port, env=env)
    try:
        expect(status(page)).to_have_text("", timeout=1_000 * (5 + GRACE))
        assert is_same_document(page)
        expect(page.get_by_label("Item", exact=True)).to_have_value("", timeout=30_000)
        data = ada.context.request.get(f"{again.url}/api/session/data").json()
        assert data["items"] == ["before", "meanwhile"]
        # A page that is opened now knows of the shorter limit.
        page.reload()
        ready(page)
        is_not_asked_while_typing(page)
        is_asked_and_covered(page)
    finally:
        factory.close()


def is_not_asked_while_typing(page: Page) -> None:
    """For longer than the session lives unused."""
    page.get_by_label("Colour", exact=True).click()
    for _ in range(20):
        page.keyboard.type("a")
        page.wait_for_timeout(1_000)
        expect(page.get_by_role("dialog")).to_have_count(0)


def is_asked_and_covered(page: Page) -> None:
    asks = page.get_by_role("dialog", name="Are you still there?")
    expect(asks).to_be_visible(timeout=20_000)
    expect(asks.get_by_role("timer")).to_have_text(re.compile("0:0[0-9]"))
    asks.get_by_role("button", name="Stay signed in").click()
    expect(asks).to_have_count(0)
    write(page, "left alone")
    expect(asks).to_be_visible(timeout=20_000)
    expect(cover(page)).to_be_visible(timeout=20_000)
    cover(page).get_by_role("link", name="Sign in").click()
    fill_login(page, "ada")
    page.wait_for_url("**/gradio/notes/")
    expect(page.get_by_label("Item", exact=True)).to_have_value("left alone", timeout=20_000)
