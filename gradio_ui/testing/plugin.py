"""Fixtures for pytest. In your conftest.py: `from gradio_ui.testing.plugin import *`, or in the one
at the root of your tests: `pytest_plugins = ["gradio_ui.testing.plugin"]`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

# Nothing that needs Django's settings: a conftest.py is imported before they are there.
if TYPE_CHECKING:
    from gradio_ui.testing.site import Site

__all__ = [
    "django_db_modify_db_settings",
    "gradio_process",
    "gradio_site",
    "second_gradio_process",
    "second_gradio_site",
]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """pytest-django's: SQLite in a file, because other processes cannot see its memory."""
    from django.db import connections

    directory = tmp_path_factory.mktemp("databases")
    for connection in connections.all():
        test = connection.settings_dict["TEST"]
        if connection.vendor == "sqlite" and not test["NAME"]:
            test["NAME"] = str(directory / f"{connection.alias}.sqlite3")


@pytest.fixture(scope="session")
def gradio_process(django_db_setup: None) -> Iterator[Site]:
    from gradio_ui.testing.site import running_site

    with running_site() as site:
        yield site


@pytest.fixture(scope="session")
def second_gradio_process(django_db_setup: None) -> Iterator[Site]:
    from gradio_ui.testing.site import running_site

    with running_site() as site:
        yield site


@pytest.fixture
def gradio_site(transactional_db: None, gradio_process: Site) -> Iterator[Site]:
    """The site in a server process, started once for all tests; the database is empty."""
    yield gradio_process
    gradio_process.close_pages()


@pytest.fixture
def second_gradio_site(transactional_db: None, second_gradio_process: Site) -> Iterator[Site]:
    """A second server process of the same site."""
    yield second_gradio_process
    second_gradio_process.close_pages()
