"""Every text in every language, and pages that follow their reader."""

import importlib.util
import re
from types import ModuleType
from typing import Any

import httpx
import pytest
from django.test import Client, override_settings
from playwright.sync_api import Browser, Page, expect

from tests.servers import BASE_DIR, DEMO_PASSWORD, Site, SiteFactory

_PLACES = re.compile(r"%\(\w+\)s|%[sd]|<[^>]+>")


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("update", BASE_DIR / "locale" / "update.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


update = _load()


@pytest.mark.parametrize("language", update.LANGUAGES)
def test_no_text_is_left_untranslated(language: str) -> None:
    texts = {(message.id, message.context) for message in update.found() if message.id}
    catalog = update.read(language)
    known = {(message.id, message.context) for message in catalog if message.id}
    assert len(texts) > 250
    assert texts - known == set(), "New texts: run `make messages` and translate them"
    assert known - texts == set(), "Texts that are gone: run `make messages`"
    assert [message.id for message in update.untranslated(catalog)] == []


@pytest.mark.parametrize("language", update.LANGUAGES)
def test_a_translation_has_the_places_and_tags_of_its_text(language: str) -> None:
    wrong = []
    for message in update.read(language):
        if not message.id:
            continue
        plural = isinstance(message.id, tuple)
        allowed = set(_PLACES.findall(message.id[-1] if plural else message.id))
        for text in message.string if plural else [message.string]:
            found = set(_PLACES.findall(text))
            # A singular may say it in words.
            if found - allowed or (not plural and allowed - found):
                wrong.append((message.id, text))
    assert wrong == []


@pytest.mark.parametrize("language", update.LANGUAGES)
def test_the_compiled_catalogue_is_that_of_the_texts(language: str) -> None:
    path = update.po_file(language)
    assert path.with_suffix(".mo").read_bytes() == update.compiled(update.read(language))


@pytest.mark.parametrize(
    ("accepted", "language", "text"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "Benutzername oder E-Mail"),
        ("pl", "pl", "Nazwa użytkownika lub e-mail"),
        ("fr, en;q=0.5", "en", "User name or e-mail"),
        ("fr", "en", "User name or e-mail"),
    ],
)
def test_a_page_is_in_the_language_of_its_reader(
    live_site: Site, accepted: str, language: str, text: str
) -> None:
    answer = httpx.get(f"{live_site.url}/accounts/login/", headers={"Accept-Language": accepted})
    assert text in answer.text
    assert f'<html lang="{language}"' in answer.text
    assert answer.headers["content-language"] == language
    assert "Accept-Language" in answer.headers["vary"]


def test_the_page_that_refuses_an_app_is_translated(live_site: Site) -> None:
    headers = live_site.sign_in("bob") | {"Accept": "text/html", "Accept-Language": "de"}
    answer = httpx.get(f"{live_site.url}/gradio/dashboard/", headers=headers)
    assert answer.status_code == 403
    assert "Sie dürfen diese App nicht benutzen." in answer.text


def test_what_gradio_s_page_says_of_a_refusal_is_translated(live_site: Site) -> None:
    headers = live_site.sign_in("bob")
    for language, text in (("de", "Sie dürfen diese App nicht benutzen."), ("fr", "You may not")):
        asked = headers | {"Accept": "application/json", "Accept-Language": language}
        answer = httpx.get(f"{live_site.url}/gradio/dashboard/config", headers=asked)
        assert answer.status_code == 403
        assert text in answer.json()["detail"]
        assert "Accept-Language" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1, "Wylogowano 1 inną sesję."),
        (3, "inne sesje."),
        (5, "innych sesji."),
        (22, "inne sesje."),
    ],
)
def test_polish_counts_in_three_ways(count: int, text: str) -> None:
    from django.utils import translation
    from django.utils.translation import ngettext

    with translation.override("pl"):
        found = ngettext(
            "Signed out %(count)s other session.", "Signed out %(count)s other sessions.", count
        )
    assert text in found % {"count": count}


def test_the_language_chosen_at_the_foot_of_a_page_holds_in_apps_as_well(
    live_site: Site, browser: Browser
) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{live_site.url}/accounts/login/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
    page.get_by_label("Benutzername oder E-Mail").fill("ada")
    page.get_by_label("Passwort").fill(DEMO_PASSWORD)
    page.get_by_label("Passwort").press("Enter")
    page.wait_for_url(f"{live_site.url}/")
    page.goto(f"{live_site.url}/accounts/sessions/")
    expect(page.get_by_role("heading", name="Ihre Sitzungen")).to_be_visible()
    # Dates as they are written there: 21. November 2026 12:00.
    expect(page.locator("tbody td[data-label='Angemeldet']").first).to_have_text(
        re.compile(r"^\d{1,2}\. \w+ \d{4}")
    )
    page.goto(f"{live_site.url}/gradio/account/")
    switch = page.get_by_role("button", name="Zu dunklen Farben wechseln")
    expect(switch).to_be_visible(timeout=20_000)
    assert page.evaluate("document.documentElement.lang") == "de"
    assert page.evaluate("navigator.language") == "de"
    context.close()


def right_to_left(**more: Any) -> Any:
    from django.conf import settings

    return override_settings(LANGUAGES=[*settings.LANGUAGES, ("ar", "Arabic")], **more)


def test_a_language_from_right_to_left_turns_the_page(client: Client) -> None:
    """allauth and Django have Arabic; our texts fall back to English."""
    with right_to_left():
        answer = client.get("/accounts/login/", headers={"Accept-Language": "ar"})
    assert '<html lang="ar" dir="rtl">' in answer.content.decode()


def test_pages_from_right_to_left_are_mirrored_and_fit_their_screen(
    live_server_factory: SiteFactory, browser: Browser
) -> None:
    site = live_server_factory("daphne", env={"DJANGO_SETTINGS_MODULE": "tests.project.arabic"})
    context = browser.new_context(locale="ar")
    page = context.new_page()
    page.goto(f"{site.url}/accounts/login/")
    is_mirrored(page, ".topbar .brand", ".topbar .nav-link")
    page.locator("[name=login]").fill("admin")
    page.locator("[name=password]").fill(DEMO_PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(f"{site.url}/")
    for path in ("/", "/accounts/sessions/", "/accounts/keys/"):
        page.goto(site.url + path)
        is_mirrored(page, ".topbar .brand", ".topbar .menu summary")
    for slug in ("assistant", "dashboard", "sessions", "account"):
        page.goto(f"{site.url}/gradio/{slug}/")
        expect(page.locator(".page-header h1")).to_be_visible(timeout=20_000)
        bar = page.locator("gradio-session-bar summary")
        is_mirrored(page, "gradio-session-bar .brand", "gradio-session-bar summary >> nth=-1")
        for menu in (bar.first, bar.last):
            menu.click()
            expect(bar.locator("+ .panel:visible")).to_be_in_viewport(ratio=1)
    # A row of Gradio's: what comes first is on the right.
    box = [page.get_by_text(text).first.bounding_box() for text in ("Signed in as", "Pressed")]
    assert box[0] and box[1] and box[0]["x"] > box[1]["x"]
    context.close()


def is_mirrored(page: Page, first: str, last: str) -> None:
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.dir") == "rtl"
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{page.url} at {width} px"
        begin, end = (page.locator(place).first.bounding_box() for place in (first, last))
        assert begin and end and begin["x"] > end["x"] + end["width"], f"{page.url} at {width} px"
