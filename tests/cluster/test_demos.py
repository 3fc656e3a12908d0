"""What is true of the demos on one process is true of several behind nginx: the same tests, by
Chromium and by `gradio_client`."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cluster.conftest import Processes, processes
from tests.demos.test_pages import (
    context,
    problems_of_pages,
    test_a_bad_file_gives_a_message_in_the_page,
    test_a_plot_follows_the_choices_and_they_are_there_after_a_reload,
    test_signing_out_from_the_account_page_leads_to_the_login_page,
    test_staff_end_a_session_by_its_row_with_a_confirmation,
    test_two_tabs_of_one_chat_undo_retry_and_new_chat,
)
from tests.gradio_demos.conftest import ENV, add_pictures
from tests.gradio_demos.test_calls import *  # noqa: F403
from tests.gradio_demos.test_pages import *  # noqa: F403
from tests.gradio_demos.test_pages import LIMIT, opened
from tests.servers import Postgres, Site, SiteFactory, manage, project_env, wait_for

__all__ = [
    "context",
    "test_a_bad_file_gives_a_message_in_the_page",
    "test_a_plot_follows_the_choices_and_they_are_there_after_a_reload",
    "test_signing_out_from_the_account_page_leads_to_the_login_page",
    "test_staff_end_a_session_by_its_row_with_a_confirmation",
    "test_two_tabs_of_one_chat_undo_retry_and_new_chat",
]


@pytest.fixture(scope="module")
def balanced(
    tmp_path_factory: pytest.TempPathFactory,
    demo_database: Path,
    redis_server: str,
    postgres_server: Postgres,
    ffmpeg: None,
) -> Iterator[Processes]:
    factory = SiteFactory(tmp_path_factory.mktemp("demos"), demo_database)
    directory = factory.directory / "site"
    add_pictures(directory)
    more = ENV | {
        "EXTRA_APPS": "tests.gradio_demos,tests.cluster.streams",
        "DATABASE_URL": postgres_server.new_database("demos"),
        "GRADIO_UI_CLUSTER_PREFIX": "demos",
    }
    for command in (["migrate", "-v", "0"], ["demo_users"]):
        done = manage(*command, env=project_env(directory, **more))
        assert done.returncode == 0, done.stderr
    servers = ("daphne", "uvicorn", "daphne")
    with processes(factory, servers, redis_server, more, cwd=directory) as found:
        yield found


@pytest.fixture(scope="module")
def site(balanced: Processes) -> Site:
    return balanced.site


@pytest.fixture(scope="module")
def live_site(site: Site) -> Site:
    return site


@pytest.fixture(scope="module")
def demos_site(site: Site) -> Site:
    return site


def test_the_pages_of_our_own_demos_report_no_error(site: Site, browser: Browser) -> None:
    assert problems_of_pages(site, browser) == []


# Of Gradio's player where the list is still empty, because the encoder took longer to start than
# the 0.1 s that Gradio waits for it. It asks again.
NOT_YET = re.compile("levelEmptyError|Fatal network error encountered, trying to recover")


def test_sound_is_heard_and_film_is_seen(page: Page, site: Site, troubles: list[str]) -> None:
    opened(page, site, "streams")
    for button, element in (("Play", "#sound audio"), ("Show", "#film video")):
        page.get_by_role("button", name=button, exact=True).click()
        media = page.locator(element).first
        expect(media).to_be_attached(timeout=LIMIT)
        # It goes on by itself, as it comes.
        wait_for(lambda: media.evaluate("media => media.currentTime") > 1, 30)  # noqa: B023
        assert media.evaluate("media => media.error") is None
    troubles[:] = [trouble for trouble in troubles if not NOT_YET.search(trouble)]
