"""Django's own session tests, from the source distribution of the installed version.

They are fetched from the package index when the tests run and are no part of this repository.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tarfile
import types
from pathlib import Path

import django

CACHE = Path(__file__).parents[2] / ".cache" / "django-source"


def session_tests() -> types.ModuleType:
    """The module `sessions_tests.tests` of Django's test tree. Raises `CalledProcessError`."""
    package = _fetch() / "tests" / "sessions_tests"
    parent = types.ModuleType("sessions_tests")
    parent.__path__ = [str(package)]
    # Its models are a custom engine that we do not test, and would need an app of their own.
    models = types.ModuleType("sessions_tests.models")
    models.SessionStore = object  # type: ignore[attr-defined]
    sys.modules |= {"sessions_tests": parent, "sessions_tests.models": models}
    return importlib.import_module("sessions_tests.tests")


def _fetch() -> Path:
    name = f"django-{django.__version__}"
    root = CACHE / name
    if not root.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
            + ["--no-deps", "--no-binary", "django", "--dest", str(CACHE)]
            + [f"django=={django.__version__}"],
            check=True,
            capture_output=True,
            timeout=300,
        )
        with tarfile.open(CACHE / f"{name}.tar.gz") as archive:
            wanted = [m for m in archive if m.name.startswith(f"{name}/tests/sessions_tests/")]
            archive.extractall(CACHE, members=wanted, filter="data")
    return root
