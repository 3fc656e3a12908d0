"""Django's own session tests on our engine, once per backend."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest
from django.test import TransactionTestCase, override_settings

from sessionstate.engine import SessionStore
from tests.sessionstate import django_source
from tests.sessionstate.conftest import BACKENDS, setting, stores

try:
    django_tests = django_source.session_tests()
except subprocess.SubprocessError as error:
    if os.environ.get("CI"):
        raise
    pytest.skip(f"Django's source could not be fetched: {error}", allow_module_level=True)


def on(backend: str, tests: Any) -> Any:
    if needed := stores(backend):
        tests = pytest.mark.usefixtures(*needed)(tests)
    return override_settings(SESSIONSTATE_BACKEND=setting(backend))(tests)


def engine_tests(backend: str) -> Any:
    class Tests(django_tests.SessionTestsMixin, TransactionTestCase):  # type: ignore[misc,name-defined]
        backend = SessionStore

    Tests.__qualname__ = Tests.__name__ = f"EngineOn{backend.title()}Tests"
    return on(backend, Tests)


def middleware_tests(backend: str) -> Any:
    class Tests(django_tests.SessionMiddlewareTests, TransactionTestCase):  # type: ignore[misc,name-defined]
        # It reads the table django_session, which an engine need not have.
        test_empty_session_saved = None

    Tests.__qualname__ = Tests.__name__ = f"MiddlewareOn{backend.title()}Tests"
    return on(backend, Tests)


for _backend in (name for name in BACKENDS if name != "postgres"):  # another database only
    for _tests in (engine_tests(_backend), middleware_tests(_backend)):
        globals()[_tests.__name__] = _tests
