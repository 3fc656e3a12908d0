"""Every code block of README and docs/ is run, or says on its page why it is not.

What begins with the name of a file is put there in a copy of the project, which is then served
with all the apps of all pages. Other Python runs here, page by page, against that server; what it
prints must be what its lines `#> ...` say. Shell commands are typed into a terminal of the copy.
The blocks of the tutorial are for tests/docs/test_tutorial.py.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import environ
import gradio_client
import httpx
import pytest
from markdown_it import MarkdownIt
from sybil.evaluators.python import pad

from tests.docs.pages import PAGES, TUTORIAL, Block, blocks, every_block
from tests.docs.terminal import OUTPUT, Terminal, link_environment, terminal
from tests.servers import BASE_DIR, Site, SiteFactory, component, manage

# Commands that serve until Ctrl-C, or run this very suite, and what runs each of them.
ELSEWHERE = {
    "make run": "tests/e2e/test_fresh_clone.py",
    "make test": ".ci/run",
    ".venv/bin/python manage.py runserver": "tests/project/test_servers.py",
    ".venv/bin/daphne -v 0 gradiosession.asgi:application": "tests/project/test_servers.py",
    ".venv/bin/uvicorn gradiosession.asgi:application": "tests/project/test_servers.py",
    "EXTRA_APPS=feedback PYTHONPATH=docs/examples pytest -q docs/examples/feedback": (
        "tests/docs/test_example.py"
    ),
}
NOT_RUN = 3
ADDRESS = "http://127.0.0.1:8000"

FILES = [block for block in every_block() if block.file and block.page != TUTORIAL]
SLUG = re.compile(r"""@register\(\s*"([^"]+)""")


@dataclass(frozen=True)
class Project:
    directory: Path
    site: Site
    # In which the server's settings hold.
    terminal: Terminal


def is_ours(block: Block) -> bool:
    """An excerpt of a file of the repository, not a file of the reader's."""
    return (BASE_DIR / block.file).is_file()


def copied(directory: Path) -> None:
    """The project as it is here, committed or not."""
    listed = subprocess.run(
        [component("git"), "ls-files", "-co", "--exclude-standard"],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(os.path.isfile, listed.stdout.splitlines()):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(name, directory / name)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, demo_database: Path) -> Iterator[Project]:
    directory = tmp_path_factory.mktemp("reader")
    with contextlib.chdir(BASE_DIR):
        copied(directory)
    link_environment(directory)
    packages = {"feedback"}  # of docs/examples
    for block in FILES:
        if not is_ours(block):
            path = directory / block.file
            assert not path.exists(), f"{block} is a file that another block is, too"
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / "__init__.py").touch()
            path.write_text(block.source)
            packages.add(block.file.split("/")[0])
    factory = SiteFactory(tmp_path_factory.mktemp("site"), demo_database)
    examples = BASE_DIR / "docs/examples"
    apps = {"EXTRA_APPS": ",".join(sorted(packages)), "PYTHONPATH": str(examples)}
    path = f"{directory / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    site = factory(env=apps | {"PATH": path}, cwd=directory)
    try:
        with terminal(directory, site.env, site.port, directory.parent / "typed.log") as shell:
            shell.type("python manage.py migrate -v 0")
            yield Project(directory, site, shell)
    finally:
        factory.close()


@contextlib.contextmanager
def namespace() -> Iterator[dict[str, Any]]:
    """Of a module. The clients that are opened there are closed, as at the end of a program."""
    module = ModuleType("code_of_a_page")
    sys.modules[module.__name__] = module
    try:
        yield vars(module)
    finally:
        del sys.modules[module.__name__]
        for value in vars(module).values():
            if isinstance(value, httpx.Client | gradio_client.Client):
                value.close()


def run_python(block: Block, names: dict[str, Any], project: Project) -> None:
    source = block.source.replace(ADDRESS, project.site.url)
    expected = [
        line.strip().removeprefix(OUTPUT)
        for line in source.splitlines()
        if line.strip().startswith(OUTPUT)
    ]
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.chdir(project.directory):
        exec(compile(pad(source, block.line), str(block.page), "exec"), names)
    if expected:
        assert output.getvalue().splitlines() == expected


def run_shell(block: Block, project: Project) -> None:
    commands = []
    for line in block.source.splitlines():
        if proof := ELSEWHERE.get(line.split("  #")[0].strip()):
            assert (BASE_DIR / proof).exists()
        else:
            commands.append(line)
    if commands:
        project.terminal.type("\n".join(commands))


def check_settings(block: Block, project: Project) -> None:
    """The settings load with it, and read every name in it."""
    path = project.directory / "settings-of-a-page"
    path.write_text(block.source)

    class Read(environ.Env):
        ENVIRON: dict[str, str] = {}  # `read_env` is of the class, whose own is os.environ

    Read.read_env(path)
    assert Read.ENVIRON
    sources = "".join((BASE_DIR / f"gradiosession/{n}.py").read_text() for n in ("settings", "env"))
    assert {name for name in Read.ENVIRON if f'"{name}"' not in sources} == set()
    env = {name: project.site.env[name] for name in ("PATH", "HOME")}
    done = manage("check", env=env | {"DJANGO_ENV_FILE": str(path)})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(BASE_DIR)))
def test_the_code_of_a_page_runs(page: Path, project: Project) -> None:
    with namespace() as names:
        run_page(page, names, project)


def run_page(page: Path, names: dict[str, Any], project: Project) -> None:
    for block in blocks(page):
        if block.page == TUTORIAL or block.not_run:
            continue
        if block.file:
            source = (BASE_DIR if is_ours(block) else project.directory) / block.file
            own = block.source.partition("\n")[2] if is_ours(block) else block.source
            assert own.strip() in source.read_text(), f"{block} is not what {block.file} says"
        elif block.language == "python":
            run_python(block, names, project)
        elif block.language == "bash":
            run_shell(block, project)
        elif block.language == "ini":
            check_settings(block, project)
        elif block.language == "json":
            json.loads(block.source)
        else:
            assert block.language == "{toctree}", f"{block}: nobody knows how to run it"


def test_snippets_about_states_keep_what_they_say(settings: Any, project: Project) -> None:
    settings.SESSIONSTATE_BACKEND = "memory"
    from sessionstate import Session, UserState
    from sessionstate.engine import SessionStore
    from sessionstate.typed import TypeMismatch

    with namespace() as names:
        for block in blocks(BASE_DIR / "docs/reference/sessions.md"):
            if block.language == "python" and not block.file:
                run_python(block, names, project)
        assert [names["add"](word, UserState(1)) for word in ("one", "two")] == [1, 2]
        login = SessionStore()
        login.create()
        shop, item = names["Shop"](login.session_key), names["Item"](sku="a", count=2)
        shop.basket.append(item)
        with pytest.raises(TypeMismatch):
            shop.theme = "blue"
        shop.save()
        stored = Session(login.session_key).seen_as(names["Shop"])
        assert (stored.basket, stored.theme) == ([item], "light")


def test_every_app_of_the_pages_is_served(project: Project) -> None:
    slugs = [slug for block in FILES for slug in SLUG.findall(block.source)]
    assert slugs
    headers = project.site.sign_in("admin")
    for slug in slugs:
        config = httpx.get(f"{project.site.url}/gradio/{slug}/config", headers=headers)
        assert config.status_code == 200, (slug, project.site.log[-3000:])
    ada = project.site.sign_in("ada")
    cart = gradio_client.Client(f"{project.site.url}/gradio/cart/", headers=ada, verbose=False)
    added = [cart.predict(item, api_name="/add") for item in ("tea", "milk")]
    assert [text.partition(": ")[2] for text in added] == ["tea", "tea, milk"]
    refused = httpx.post(
        f"{project.site.url}/gradio/press/gradio_api/run/publish",
        json={"data": ["News"]},
        headers=ada,
    )
    assert refused.status_code == 403
    assert "one of the groups editors or publishers" in refused.text


def test_the_tests_of_the_pages_pass(project: Project) -> None:
    files = [
        block.file
        for block in FILES
        if Path(block.file).name.startswith("test_") and not is_ours(block)
    ]
    # One page shows the conftest.py, which every app has.
    shutil.move(project.directory / "hits/conftest.py", project.directory / "conftest.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=project.directory,
        env=project.site.env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    excused = [f"{block}: {block.not_run}" for block in every_block() if block.not_run]
    assert len(excused) <= NOT_RUN, excused


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(BASE_DIR)))
def test_all_code_of_a_page_was_seen(page: Path) -> None:
    """Markdown knows code by its indentation too, and fences without a language."""
    tokens = MarkdownIt().parse(page.read_text())
    assert [token.map for token in tokens if token.type == "code_block"] == []
    assert len(blocks(page)) == sum(token.type == "fence" for token in tokens)
