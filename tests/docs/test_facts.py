"""The documentation names what there is, and leaves no setting out."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client
from opentelemetry.sdk import environment_variables

from tests.docs.pages import PAGES
from tests.servers import BASE_DIR

TEXT = "".join(page.read_text() for page in PAGES)
SETTINGS = "".join(
    (BASE_DIR / "gradiosession" / name).read_text() for name in ("settings.py", "env.py")
)


def test_every_setting_in_the_documentation_exists() -> None:
    named = set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)", TEXT))
    read = SETTINGS + (BASE_DIR / "Makefile").read_text()
    others = vars(environment_variables)  # which OpenTelemetry reads itself
    assert {name for name in named if name not in read and name not in others} == set()


def test_every_setting_of_the_environment_is_in_the_table() -> None:
    names = set(re.findall(r"""env\.\w+\(\s*"([A-Z_]+)\"""", SETTINGS)) | {"DJANGO_ENV_FILE"}
    assert len(names) > 20
    table = (BASE_DIR / "docs/reference/environment.md").read_text()
    assert {name for name in names if f"`{name}`" not in table} == set()


@pytest.mark.django_db
def test_every_address_in_the_documentation_is_answered(client: Client) -> None:
    paths = set(re.findall(r"`(?:(?:GET|POST|DELETE) )?(/(?:accounts|admin|api)/[^\s`<]*)`", TEXT))
    assert len(paths) > 8
    unknown = [path for path in sorted(paths) if client.get(path).status_code == 404]
    assert unknown == []


def test_the_pages_are_built_and_a_broken_link_is_an_error(tmp_path: Path) -> None:
    def build(source: Path) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", source, tmp_path / "site"],
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.stderr if done.returncode else ""

    assert build(BASE_DIR / "docs") == ""
    source = tmp_path / "docs"
    source.mkdir()
    (source / "conf.py").write_text((BASE_DIR / "docs/conf.py").read_text())
    (source / "index.md").write_text("# One\n[no page](two.md) [no heading](#three)\n")
    errors = build(source)
    assert "two.md" in errors and "three" in errors


def test_the_readme_links_to_what_there_is() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (BASE_DIR / "README.md").read_text())
    assert [link for link in links if not (BASE_DIR / link).exists()] == []
