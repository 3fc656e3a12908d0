"""A new app by one command: it runs, it is in the portal, and its tests pass."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.servers import BASE_DIR, SiteFactory, manage, project_env


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    """Environment of a site with an .env, without the variables that would win over it."""
    env_file = tmp_path / "env"
    env_file.write_text("DJANGO_DEBUG=1\n")
    paths = f"{tmp_path}{os.pathsep}{BASE_DIR}"
    return project_env(tmp_path, DJANGO_ENV_FILE=str(env_file), PYTHONPATH=paths)


def start(place: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    return run(place, BASE_DIR / "manage.py", "startgradioapp", "field_notes", *args)


def run(place: dict[str, str], *args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args],
        cwd=Path(place["DJANGO_ENV_FILE"]).parent,
        env=place,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_new_app_runs_and_its_tests_pass(
    place: dict[str, str], live_server_factory: SiteFactory, tmp_path: Path
) -> None:
    done = start(place, "--title", "Field notes")
    assert done.returncode == 0, done.stderr
    assert "added it to EXTRA_APPS" in done.stdout
    assert Path(place["DJANGO_ENV_FILE"]).read_text() == "DJANGO_DEBUG=1\nEXTRA_APPS=field_notes\n"
    assert manage("makemigrations", "--check", "--dry-run", env=place).returncode == 0

    # As somebody types it who has set nothing.
    unset = {name: value for name, value in place.items() if name != "DJANGO_SETTINGS_MODULE"}
    tests = run(unset, "-m", "pytest", "-q", "-p", "no:cacheprovider", "field_notes")
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert "3 passed" in tests.stdout

    directory = tmp_path / "site"
    env = {name: place[name] for name in ("DJANGO_ENV_FILE", "PYTHONPATH")}
    site = live_server_factory(env=env, directory=directory)
    done = manage("migrate", "-v", "0", env=site.env)
    assert done.returncode == 0, done.stderr
    page = httpx.get(site.url, headers=site.sign_in("ada"))
    assert "Field notes" in page.text and "/gradio/field-notes/" in page.text


def test_a_second_app_is_added_to_the_first(place: dict[str, str]) -> None:
    env_file = Path(place["DJANGO_ENV_FILE"])
    env_file.write_text("EXTRA_APPS=tests.testapp\nDJANGO_DEBUG=1")
    assert start(place).returncode == 0
    assert env_file.read_text() == "EXTRA_APPS=tests.testapp,field_notes\nDJANGO_DEBUG=1"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--slug", "Field Notes"], "cannot be an address"),
        (["--title", 'a "quoted" title'], "cannot have quotes"),
    ],
)
def test_what_cannot_be_served_is_refused_before_anything_is_made(
    place: dict[str, str], tmp_path: Path, args: list[str], message: str
) -> None:
    done = start(place, *args)
    assert done.returncode == 1
    assert message in done.stderr
    assert not (tmp_path / "field_notes").exists()
    assert "EXTRA_APPS" not in Path(place["DJANGO_ENV_FILE"]).read_text()


def test_where_the_environment_names_the_apps_the_person_is_asked_to_add_it(
    place: dict[str, str],
) -> None:
    done = start(place | {"EXTRA_APPS": "tests.testapp"})
    assert done.returncode == 0, done.stderr
    assert "Add it to INSTALLED_APPS (or EXTRA_APPS)" in done.stdout
    assert "EXTRA_APPS" not in Path(place["DJANGO_ENV_FILE"]).read_text()
