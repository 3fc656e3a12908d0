from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gradio_client import Client

from gradio_ui import registry, testing
from gradio_ui.testing.plugin import gradio_site, second_gradio_site
from tests.gradio_ui.people import Person
from tests.servers import Site, SiteFactory

__all__ = ["gradio_site", "second_gradio_site"]

# A project of its own, whose tests `test_testing_kit` runs.
collect_ignore = ["other_project"]

Call = Callable[..., Any]
KIT = {"EXTRA_APPS": "tests.testapp,tests.gradio_ui.kit", "DEMO_USERS": "0"}


@pytest.fixture(scope="package")
def gradio_process(django_db_setup: None) -> Iterator[testing.Site]:
    with testing.running_site(KIT) as site:
        yield site


@pytest.fixture(scope="package")
def second_gradio_process(django_db_setup: None) -> Iterator[testing.Site]:
    with testing.running_site(KIT) as site:
        yield site


@pytest.fixture
def empty_registry() -> Iterator[None]:
    """No apps and no discovery; the real ones are found again afterwards."""
    registry.reset(discovered=True)
    yield
    registry.reset()


@pytest.fixture(scope="module")
def matrix_site(tmp_path_factory: pytest.TempPathFactory, demo_database: Any) -> Iterator[Site]:
    factory = SiteFactory(tmp_path_factory.mktemp("matrix"), demo_database)
    extra = "tests.gradio_ui.matrix,tests.gradio_ui.owned,tests.gradio_ui.unbuildable"
    yield factory("daphne", env={"EXTRA_APPS": extra}, allow_traceback=True)
    factory.close()


def connect(site: Site, slug: str, username: str) -> Client:
    """A new login in a new tab."""
    return tab(site, slug, site.sign_in(username))


def tab(site: Site, slug: str, headers: dict[str, str]) -> Client:
    return Client(f"{site.url}/gradio/{slug}/", headers=headers, verbose=False)


@pytest.fixture(scope="module")
def people() -> Iterator[None]:
    """Closes their connections."""
    yield
    while Person.clients:
        Person.clients.pop().close()


@pytest.fixture(scope="module")
def ada(people: None, matrix_site: Site) -> Person:
    return Person(matrix_site, "ada")


@pytest.fixture(scope="module")
def bob(people: None, matrix_site: Site) -> Person:
    return Person(matrix_site, "bob")
