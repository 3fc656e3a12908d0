"""The documentation is true: its code runs, and what it names exists."""

import re
from pathlib import Path

import pytest
from django.test import Client

from gradio_ui import registry

BASE = Path(__file__).resolve().parents[2]
DOCS = BASE / "docs"


async def test_the_first_example_is_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registry", registry._Registry())
    page = (DOCS / "guides/writing-apps.md").read_text()
    code = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    names: dict[str, object] = {"__name__": "gradio_apps"}
    exec(compile(code, "writing-apps.md", "exec"), names)

    from gradio_ui import compat

    compat.prepare()
    import gradio as gr

    spec = registry._registry._apps["hits"]
    assert isinstance(spec.build(), gr.Blocks)
    count = names["count"]
    session = {"visits": 1}
    assert count("Ada", session) == "Hello Ada, visit 2"  # type: ignore[operator]
    assert session == {"visits": 2}


def test_every_setting_in_the_documentation_exists() -> None:
    named = set()
    for page in DOCS.rglob("*.md"):
        named |= set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)", page.read_text()))
    read = (BASE / "gradiosession/settings.py").read_text()
    read += (BASE / "gradiosession/env.py").read_text()
    read += (BASE / "Makefile").read_text()
    assert {name for name in named if name not in read} == set()


@pytest.mark.django_db
def test_every_address_in_the_documentation_is_answered(client: Client) -> None:
    pages = "".join(page.read_text() for page in DOCS.rglob("*.md"))
    paths = set(re.findall(r"`(?:(?:GET|POST|DELETE) )?(/(?:accounts|admin|api)/[^\s`<]*)`", pages))
    assert len(paths) > 8
    unknown = [path for path in sorted(paths) if client.get(path).status_code == 404]
    assert unknown == []
