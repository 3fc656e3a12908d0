"""The assistant without a model server finds the right section, or admits that there is none."""

from pathlib import Path

import pytest

from gradio_ui.demos import doc_answer
from gradio_ui.demos.doc_search import DocSearch, read_sections, split_page

DOCS = Path(__file__).resolve().parents[2] / "docs"

# Questions as people put them, and titles of which one must be the first section found.
QUESTIONS = {
    "How do I sign out everywhere?": {"Sign out everywhere"},
    "log out on all devices": {"Sign out everywhere"},
    "How long does a session last?": {"How long a session lasts and when it expires"},
    "when does my session expire": {"How long a session lasts and when it expires"},
    "How do I put my own Gradio demo behind it?": {"Put your own demo behind it"},
    "how to register an app": {"The register decorator", "Who may open an app"},
    "What survives a restart of the server?": {
        "What survives a reload or a restart",
        "Stop and restart the server",
    },
    "What types can I store in a session?": {"What you can store"},
    "can I store a pandas dataframe": {"What you can store"},
    "How big can a session be?": {"How large a session may be"},
    "two tabs update a counter and updates get lost": {"Avoid lost updates with atomic"},
    "connect the assistant to Ollama": {"Connect the assistant to a language model"},
    "ASSISTANT_BASE_URL": {"Connect the assistant to a language model"},
    "How do I use gradio_client?": {
        "Call an app with gradio_client",
        "Can I use it from a script or notebook?",
    },
    "How can a script call an app?": {
        "Call an app with gradio_client",
        "Can I use it from a script or notebook?",
    },
    "get an access token": {"Get an access token for a program"},
    "what if my refresh token is stolen": {
        "Refresh a token",
        "Why a stolen token is of little use",
    },
    "sign in": {"Sign in"},
    "How do I log out?": {"Sign out"},
    "change my password": {"Forgot or change the password"},
    "how do I give bob access to the dashboard": {"Give somebody access to an app"},
    "kick out a user": {"End a user's session"},
    "health check for a load balancer": {"Health checks"},
    "use postgres": {"Use PostgreSQL instead of SQLite"},
    "what is atomic": {"Avoid lost updates with atomic"},
    "is pickle used": {"What you can store", "Why not pickle"},
    "does gr.State still work?": {"Does gr.State still work?"},
    "can other users see my files": {"How users are kept apart"},
    "what is logged": {"Logs", "What is logged and shown"},
    "progress bar": {"Progress bars"},
    "delete my chat history": {"Is my chat history private?"},
    "what happens when the database is down": {"When the session store or database is down"},
    "password of the demo users": {"The demo users", "Demo users and data directory"},
}
OFF_TOPIC = [
    "weather in Paris tomorrow",
    "Who won the world cup in 2018?",
    "write me a poem about the sea",
    "What is the capital of France?",
    "How do I bake bread?",
    "translate good morning to Spanish",
    "what is the price of bitcoin",
    "how tall is mount everest",
    "hello",
    "who are you",
    "",
    "???",
    "\ud800 \0",
    "什么是会话",
]


@pytest.fixture(scope="module")
def search() -> DocSearch:
    return DocSearch(read_sections(DOCS))


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_finds_its_section_first(search: DocSearch, question: str) -> None:
    titles = [hit.section.title for hit in search.search(question)]
    assert titles and titles[0] in QUESTIONS[question], titles


@pytest.mark.parametrize("question", OFF_TOPIC)
def test_nothing_is_found_for_what_the_pages_do_not_say(search: DocSearch, question: str) -> None:
    assert search.search(question) == []
    assert doc_answer.answer(search, question) == doc_answer.NOTHING_FITS


def test_every_section_is_found_by_its_own_title(search: DocSearch) -> None:
    missed = [
        section.title
        for section in search.sections
        if section not in [hit.section for hit in search.search(section.title)]
    ]
    assert missed == []


def test_a_very_long_question_is_answered(search: DocSearch) -> None:
    assert search.search("session expire " * 2_000)


def test_the_answer_quotes_the_section_under_its_title(search: DocSearch) -> None:
    answer = doc_answer.answer(search, "How do I sign out everywhere?")
    assert answer.startswith("**Sign out everywhere** · Accounts\n\n> ")
    assert "/accounts/sessions/" in answer


def test_a_follow_up_is_understood_from_the_question_before(search: DocSearch) -> None:
    alone = doc_answer.answer(search, "And after that?")
    after = doc_answer.answer(search, "And after that?", previous="When does a session expire?")
    assert alone == doc_answer.NOTHING_FITS
    assert "How long a session lasts and when it expires" in after


def test_headings_inside_code_do_not_split_a_section() -> None:
    page = "# Page\nintro\n## One\ntext\n```\n## not a heading\n```\n## Two\nmore\n## Empty\n"
    sections = split_page(page)
    assert [(s.page, s.title) for s in sections] == [("Page", "One"), ("Page", "Two")]
    assert "## not a heading" in sections[0].text


def test_of_a_link_to_another_page_the_text_stays() -> None:
    page = (
        "# Page\n## One\nsee [the roles](../guides/roles.md#who) or [Gradio](https://x.example)\n"
    )
    assert split_page(page)[0].text == "see the roles or [Gradio](https://x.example)"


async def test_words_are_streamed_and_nothing_of_the_text_is_lost() -> None:
    text = "**Title**\n\n> a  quote\n```\ncode\n```\n"
    pieces = [piece async for piece in doc_answer.by_words(text, words=2, seconds=0)]
    assert "".join(pieces) == text
    assert len(pieces) > 2
