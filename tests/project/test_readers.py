"""What somebody reads who has chosen German or Polish: no English, on any page."""

import re
from collections.abc import Iterator

import httpx
import pytest
from django.utils.translation import gettext, override
from gradio_client import Client
from playwright.sync_api import Browser, Page, expect

from gradio_ui.demos.assistant import EXAMPLES
from gradio_ui.demos.dashboard import SAMPLE
from tests.project.test_languages import update
from tests.servers import DEMO_PASSWORD, Site

# Every text that is visible, in shadow trees too, is read out, or waits in an empty field.
SHOWN = """() => {
    const found = [document.title];
    const visit = (node) => {
        if (node.nodeType === Node.TEXT_NODE) found.push(node.data);
        if (node.nodeType === Node.ELEMENT_NODE) {
            if (["SCRIPT", "STYLE", "TEMPLATE"].includes(node.tagName)) return;
            if (!node.checkVisibility() && !node.shadowRoot) return;
            // What a drawing is called comes from Vega.
            if (!(node instanceof SVGElement))
                for (const name of ["placeholder", "aria-label", "title"])
                    found.push(node.getAttribute(name) ?? "");
            if (node.shadowRoot) visit(node.shadowRoot);
        }
        node.childNodes.forEach(visit);
    };
    visit(document.body);
    return found.map((text) => text.trim()).filter(Boolean);
}"""
# Words that no German or Polish sentence has.
ENGLISH = re.compile(r"\b(the|your|you|with|from|which|whose|signed|please|rows?)\b", re.I)
NAMES = {"admin", "Admin", "Gradio Session"}
BEFORE = ("login/", "signup/", "password/reset/")
SIGNED_IN = (
    "/",
    "/gradio/no-such-app/",
    "/accounts/sessions/",
    "/accounts/keys/",
    "/accounts/email/",
    "/accounts/two-factor/",
    "/accounts/password/change/",
    "/accounts/connections/",
    "/accounts/logout/",
    "/admin/",
    "/admin/accounts/apikey/",
    "/admin/accounts/auditevent/",
    "/admin/accounts/lockout/",
    "/admin/auth/user/",
    "/admin/gradio_ui/conversation/",
    "/admin/sessionstate/livesession/",
)
# What an app shows when its first event has answered.
APPS = {
    "assistant": "textarea",
    "dashboard": "input[type=file]",
    "sessions": "td >> text=admin",
    "account": "dl.facts",
}


class Reader:
    def __init__(self, language: str) -> None:
        self.language = language
        # With anything in the places of what is filled in.
        self._texts = [
            re.compile(re.sub(r"%\\\((\w+)\\\)s", ".+", re.escape(text)))
            for text, said in _texts(language)
            if text != said
        ]

    def __call__(self, text: str) -> str:
        with override(self.language):
            return gettext(text)

    def finds_english(self, text: str) -> bool:
        text = text.removesuffix(" · Gradio Session")
        is_ours = any(known.fullmatch(text) for known in self._texts)
        # Gradio's label of an example ends with it.
        is_meant = text in NAMES or text.endswith(tuple(EXAMPLES))
        return not is_meant and (is_ours or ENGLISH.search(text) is not None)

    def english_on(self, page: Page) -> list[str]:
        return [text for text in page.evaluate(SHOWN) if self.finds_english(text)]


def _texts(language: str) -> Iterator[tuple[str, str]]:
    for message in update.read(language):
        if isinstance(message.id, tuple):
            yield message.id[0], message.string[0]
            yield message.id[-1], message.string[-1]
        elif message.id:
            yield message.id, message.string


@pytest.fixture(params=update.LANGUAGES)
def reader(request: pytest.FixtureRequest) -> Reader:
    return Reader(request.param)


def test_no_page_shows_any_english(live_site: Site, browser: Browser, reader: Reader) -> None:
    context = browser.new_context(locale=reader.language)
    page = context.new_page()
    found = {}
    for path in BEFORE:
        page.goto(f"{live_site.url}/accounts/{path}")
        found[path] = reader.english_on(page)
    # Answers are in English, those that another test has been given too.
    Client(
        f"{live_site.url}/gradio/assistant/", headers=live_site.sign_in("admin"), verbose=False
    ).predict(api_name="/clear")
    who = {"username": "admin", "password": DEMO_PASSWORD}
    assert context.request.post(f"{live_site.url}/api/auth/login", data=who).ok
    for path in SIGNED_IN:
        page.goto(live_site.url + path)
        found[path] = reader.english_on(page)
    for slug, shown in APPS.items():
        page.goto(f"{live_site.url}/gradio/{slug}/")
        expect(page.locator(shown).first).to_be_attached(timeout=20_000)
        expect(page.locator(".page-header h1")).to_be_visible(timeout=20_000)
        found[slug] = reader.english_on(page)
    page.goto(f"{live_site.url}/gradio/dashboard/")
    page.get_by_role("button", name=reader("Use the sample")).click()
    expect(page.locator("canvas, svg.marks").first).to_be_visible(timeout=20_000)
    for tab in ("Plot", "Table", "Columns", "Compare"):
        page.get_by_role("tab", name=reader(tab), exact=True).click()
        found[tab] = reader.english_on(page)
    # The file's own.
    columns = set(SAMPLE.read_text().partition("\n")[0].split(","))
    left = [f"{name}: {text}" for name, texts in found.items() for text in texts]
    assert [line for line in left if line.partition(": ")[2] not in columns] == []
    context.close()


def test_no_error_of_an_app_is_in_english(live_site: Site, reader: Reader) -> None:
    headers = live_site.sign_in("admin") | {"Accept-Language": reader.language}
    api = f"{live_site.url}/gradio/{{}}/gradio_api/run/{{}}"
    for slug, function, data in (
        ("account", "put", ["_auth_user_id", "1"]),
        ("account", "delete", ["no such key"]),
        ("dashboard", "correlations", []),
        ("sessions", "end", ["", False]),
        ("account", "put", [{}, {}]),
        ("account", "no-such-function", []),
    ):
        answer = httpx.post(api.format(slug, function), headers=headers, json={"data": data})
        assert answer.status_code >= 400
        said = answer.json().get("error") or answer.json()["detail"]
        assert said and not reader.finds_english(said), (slug, function, answer.text)
