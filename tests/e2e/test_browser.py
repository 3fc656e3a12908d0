"""A person at a browser: sign in, use an app, come back, sign out."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.servers import DEMO_PASSWORD, Site, SiteFactory, wait_for

QUESTION = "How do I sign out everywhere?"


def sign_in(page: Page, site: Site, username: str) -> None:
    page.goto(f"{site.url}/accounts/login/")
    page.locator("input[name=login]").fill(username)
    page.locator("input[name=password]").fill(DEMO_PASSWORD)
    page.locator("form button[type=submit], form input[type=submit]").last.click()
    page.wait_for_url(f"{site.url}/")


def sign_out(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/gradio/account/")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url(re.compile("/accounts/login/"))


def ask(page: Page, site: Site, question: str) -> str:
    """Asks the assistant; the whole answer."""
    page.goto(f"{site.url}/gradio/assistant/")
    box = page.get_by_placeholder("Ask a question")
    box.fill(question)
    box.press("Enter")
    chat = page.get_by_role("log")
    questions, answers = chat.locator(".user.message"), chat.locator(".bot.message")
    expect(questions.last).to_contain_text(question, timeout=20_000)
    expect(answers).to_have_count(questions.count(), timeout=20_000)
    # It has been streamed to the end when there is nothing more to stop.
    expect(page.locator(".stop-button")).to_have_count(0, timeout=20_000)
    answer = answers.last.inner_text()
    assert len(answer) > 20
    return answer


def test_a_conversation_is_there_after_a_reload_and_nobody_else_sees_it(
    live_site: Site, browser: Browser, page: Page
) -> None:
    sign_in(page, live_site, "ada")
    answer = ask(page, live_site, QUESTION)

    page.reload()
    chat = page.get_by_role("log")
    expect(chat).to_contain_text(QUESTION, timeout=15_000)
    expect(chat).to_contain_text(answer.split("\n")[0][:40])

    other = browser.new_context().new_page()
    sign_in(other, live_site, "bob")
    ask(other, live_site, "How can a script call an app?")
    asked = other.get_by_role("log").locator(".user.message").all_inner_texts()
    assert asked and not any(QUESTION in text for text in asked)
    other.context.close()


def test_functions_of_an_app_run_and_no_others(live_site: Site, page: Page) -> None:
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console",
        lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None,
    )
    sign_in(page, live_site, "ada")
    page.goto(f"{live_site.url}/gradio/scripts/")
    word, answer = page.get_by_label("Word"), page.get_by_label("Answer")
    word.fill("ada")
    page.get_by_role("button", name="Upper").click()
    expect(answer).to_have_value("ADA")
    page.get_by_role("button", name="Twice").click()
    expect(answer).to_have_value("Adaada")
    page.get_by_role("button", name="State").click()
    expect(page.locator("body[data-answer='42'][data-opened=yes]")).to_have_count(1)
    page.get_by_role("button", name="Clear").click()
    expect(word).to_have_value("")
    # Not while DevTools evaluate something: there the policy does not hold.
    tried = """() => new Promise(done => setTimeout(() => {
        const make = Object.getPrototypeOf(async function () {}).constructor;
        const texts = ["return 1", "return (\\n() => 1\\n);"];
        const outcome = (text) => {
            try { return typeof new make(text) } catch (error) { return error.name }
        };
        done(texts.map(outcome));
    }))"""
    assert page.evaluate(tried) == ["EvalError", "EvalError"]
    assert not troubles


def test_an_app_has_its_own_looks(live_site: Site, page: Page) -> None:
    sign_in(page, live_site, "ada")
    page.goto(f"{live_site.url}/gradio/dressed/")
    expect(page.locator(".spaced").get_by_text("Look at me")).to_have_css("letter-spacing", "3px")
    expect(page.locator("gradio-app")).to_have_css("background-color", "rgb(16, 32, 48)")
    expect(page.locator("head > meta[name=author][content=Ada]")).to_have_count(1)
    page.goto(f"{live_site.url}/gradio/probe/")
    expect(page.get_by_role("button", name="Remember")).to_be_visible(timeout=15_000)
    expect(page.locator("gradio-app")).not_to_have_css("background-color", "rgb(16, 32, 48)")


def test_an_answer_appears_word_by_word(live_site: Site, page: Page) -> None:
    sign_in(page, live_site, "admin")
    page.goto(f"{live_site.url}/gradio/assistant/")
    box = page.get_by_placeholder("Ask a question")
    box.fill(QUESTION)
    # Every length the answer's bubble has had.
    page.evaluate(
        """() => {
            window.lengths = new Set();
            const note = () => {
                const bubbles = document.querySelectorAll("[role=log] .bot.message");
                const last = bubbles[bubbles.length - 1];
                if (last) window.lengths.add(last.innerText.length);
            };
            const what = {childList: true, subtree: true, characterData: true};
            new MutationObserver(note).observe(document.body, what);
        }"""
    )
    box.press("Enter")
    # Not wait_for_function, which the page's policy does not let run.
    wait_for(lambda: page.evaluate("window.lengths.size") >= 4)


def test_after_signing_out_the_back_button_shows_nothing_private(
    live_site: Site, page: Page
) -> None:
    sign_in(page, live_site, "ada")
    ask(page, live_site, "What survives a restart of the server?")
    sign_out(page, live_site)
    for _ in range(3):
        page.go_back()
        page.wait_for_url(re.compile("/accounts/login/"), timeout=10_000)
        assert "What survives" not in page.content()


def test_an_app_sends_a_stranger_to_sign_in_and_then_back(live_site: Site, page: Page) -> None:
    page.goto(f"{live_site.url}/gradio/account/")
    assert "/accounts/login/" in page.url
    page.locator("input[name=login]").fill("bob")
    page.locator("input[name=password]").fill(DEMO_PASSWORD)
    page.locator("form button[type=submit], form input[type=submit]").last.click()
    page.wait_for_url(f"{live_site.url}/gradio/account/")
    expect(page.get_by_role("button", name="Count", exact=True)).to_be_visible(timeout=15_000)


def test_the_portal_offers_only_what_the_user_may_open(live_site: Site, page: Page) -> None:
    sign_in(page, live_site, "bob")
    links = {link.get_attribute("href") for link in page.locator("a[href^='/gradio/']").all()}
    assert "/gradio/assistant/" in links
    assert not {"/gradio/dashboard/", "/gradio/sessions/"} & links
    assert page.goto(f"{live_site.url}/gradio/dashboard/").status == 403  # type: ignore[union-attr]


@pytest.mark.parametrize("server", ["runserver", "uvicorn"])
def test_the_same_under_the_other_servers(
    live_server_factory: SiteFactory, page: Page, server: str
) -> None:
    site = live_server_factory(server)  # type: ignore[arg-type]
    sign_in(page, site, "ada")
    answer = ask(page, site, QUESTION)
    page.reload()
    chat = page.get_by_role("log")
    expect(chat).to_contain_text(answer.split("\n")[0][:40], timeout=15_000)
    page.goto("about:blank")
