"""Open pages of a site of several processes: what one process is told, all pages hear, and a page
outlives the process that has it."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.cluster.conftest import Processes, processes
from tests.gradio_ui.test_shell import (
    APPS,
    Person,
    ada,
    add,
    is_same_document,
    status,
    test_a_page_follows_what_other_tabs_and_devices_change,
    test_an_operator_ends_a_session_and_the_page_is_covered,
    test_signing_out_in_one_tab_covers_the_others_and_the_text_comes_back,
)
from tests.servers import Site, SiteFactory, wait_for

__all__ = [
    "ada",
    "test_a_page_follows_what_other_tabs_and_devices_change",
    "test_an_operator_ends_a_session_and_the_page_is_covered",
    "test_signing_out_in_one_tab_covers_the_others_and_the_text_comes_back",
]


@pytest.fixture(scope="module")
def several(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, redis_server: str
) -> Iterator[Processes]:
    factory = SiteFactory(tmp_path_factory.mktemp("live"), demo_database)
    more = {
        "EXTRA_APPS": f"{APPS['EXTRA_APPS']},tests.cluster.app",
        "GRADIO_UI_CLUSTER_PREFIX": "live",
    }
    servers = ("daphne", "uvicorn", "uvicorn")
    with processes(factory, servers, redis_server, more) as found:
        yield found


@pytest.fixture(scope="module")
def site(several: Processes) -> Site:
    return several.site


def said(page: Page) -> Locator:
    return page.get_by_label("Textbox", exact=True).first


def begin(page: Page, steps: int) -> None:
    """An event that takes a tenth of a second for each step."""
    page.get_by_label("Number", exact=True).nth(0).fill(str(steps))
    page.get_by_label("Number", exact=True).nth(1).fill("0.1")
    page.get_by_role("button", name="Steps").click()
    expect(said(page)).to_have_value(re.compile(r"\d+:\d+"), timeout=20_000)


def home(page: Page, several: Processes) -> int:
    """The process that has the page."""
    number = page.get_by_label("Number", exact=True).nth(0)
    number.fill("0")
    page.get_by_role("button", name="Process").click()
    return several.of(wait_for(lambda: float(number.input_value())))


def test_pages_stay_open_while_one_process_after_the_other_is_restarted(
    several: Processes, ada: Person
) -> None:
    here, there, busy = ada.open(), ada.open(), ada.context.new_page()
    busy.goto(f"{several.url}/gradio/cluster/")
    for number, word in enumerate(("one", "two", "three")):
        begin(busy, 30)
        several.sites[number].process.send_signal(signal.SIGTERM)
        # While it stops.
        add(here, word)
        expect(here.get_by_label("Item", exact=True)).to_have_value("", timeout=20_000)
        expect(said(busy)).to_have_value(re.compile(":29$"), timeout=20_000)
        several.sites[number].process.wait(40)
        several.restart(number)
    expect(there.get_by_label("Items")).to_have_value("one, two, three", timeout=20_000)
    for page in (here, there):
        expect(status(page)).to_have_text("", timeout=20_000)
        assert is_same_document(page)


def test_a_page_whose_process_is_killed_goes_on_in_another(several: Processes, ada: Person) -> None:
    page = ada.context.new_page()
    page.goto(f"{several.url}/gradio/cluster/")
    page.evaluate("window.sameDocument = true")
    number = home(page, several)
    begin(page, 300)
    several.kill(number)
    expect(page.get_by_text("has stopped. Please try again.").first).to_be_visible(timeout=5_000)
    assert home(page, several) != number
    begin(page, 10)
    expect(said(page)).to_have_value(re.compile(":9$"), timeout=20_000)
    assert is_same_document(page)
    several.restart(number)
