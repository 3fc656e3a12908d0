"""The environment of all tests, and the fixtures that several rooms use."""

import os
import shutil
import signal
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest

pytest_plugins = ["tests.servers", "tests.browser", "tests.oidc_provider"]

DATA_DIR = Path(tempfile.mkdtemp(prefix="gradiosession-tests-"))

# Before any settings are read, which is why the settings module is named here and not in
# pyproject.toml: pytest-django would load it before this file. The developer's own environment
# and .env stay outside.
for _name in ("REDIS_URL", "DATABASE_URL", "SESSIONSTATE_BACKEND", "EXTRA_APPS", "LOG_FORMAT"):
    os.environ.pop(_name, None)
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "gradiosession.settings",
    "DJANGO_ENV_FILE": os.devnull,
    "DJANGO_DEBUG": "1",
    "GRADIOSESSION_DATA_DIR": str(DATA_DIR),
}

# Begun first, so that no worker has one of them to itself when the others have finished.
LONGEST = (
    "sessionstate/test_processes.py",
    "e2e/test_fresh_clone.py",
    "docs/test_tutorial.py",
    "gradio_ui/test_shell.py",
    "e2e/test_operation.py",
    "accounts/test_page_walk.py",
    "docs/test_blocks.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        name = item.nodeid.partition("::")[0].removeprefix("tests/")
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    items.sort(key=place)


def share_certificates() -> None:
    """One context for all clients of httpx: to read all certificates takes 20 ms, longer than most
    requests, and each `httpx.get` does it, and a `gradio_client` several times."""
    create, public = ssl.create_default_context, certifi.where()
    shared = create(cafile=public)

    def create_default_context(*args: Any, **options: Any) -> ssl.SSLContext:
        return shared if not args and options == {"cafile": public} else create(*args, **options)

    ssl.create_default_context = create_default_context


def pytest_configure(config: pytest.Config) -> None:
    import django

    django.setup()
    # Ignored in a run that was started in the background of a shell, and handed down to servers,
    # which are stopped by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    share_certificates()
    # Searches all output for secrets when the run is over.
    from tests.leaks import LeaksPlugin

    plugin = LeaksPlugin(DATA_DIR)
    plugin.start()
    config.pluginmanager.register(plugin, "leaks")


def pytest_unconfigure() -> None:
    shutil.rmtree(DATA_DIR, ignore_errors=True)


@pytest.fixture
def leaks_on_purpose(pytestconfig: pytest.Config) -> Iterator[None]:
    """For tests of what happens when somebody writes a secret to the log."""
    plugin = pytestconfig.pluginmanager.get_plugin("leaks")
    assert plugin
    plugin.written.paused = True
    yield
    plugin.written.paused = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    """In CI nothing may be skipped because a component is missing (see servers.component)."""
    report = yield
    if (
        report.skipped
        and os.environ.get("CI") == "true"
        and "missing component" in str(call.excinfo)
    ):
        report.outcome = "failed"
        report.longrepr = f"{call.excinfo.value} (a failure because CI=true)"
    return report


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """A file, as in production: the in-memory default shares one cache and knows no WAL."""
    from django.db import connections

    connections["default"].settings_dict["TEST"]["NAME"] = str(DATA_DIR / "test.sqlite3")
