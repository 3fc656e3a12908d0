"""The target twice: bare, and behind the gate. One server of each for all attacks."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.attacks.people import Person
from tests.attacks.target import PASSWORD
from tests.servers import BASE_DIR, Site, SiteFactory, free_port, running

PATH = "/gradio/target"
HOST = "apps.example"
PRODUCTION = {
    "DJANGO_DEBUG": "0",
    "DJANGO_SECRET_KEY": "r4nd0m-" * 10,
    # The second is not this machine: Gradio trusts every origin where its own name is not.
    "DJANGO_ALLOWED_HOSTS": f"127.0.0.1,{HOST}",
    # No TLS here.
    "DJANGO_SSL_REDIRECT": "0",
    "EXTRA_APPS": "tests.attacks.target",
}


@dataclass
class Target:
    """The app, and who is there."""

    root: str
    ada: Person
    bob: Person
    nobody: Person

    def close(self) -> None:
        for person in (self.ada, self.bob, self.nobody):
            person.close()


@pytest.fixture(scope="package")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    directory, port = tmp_path_factory.mktemp("bare"), free_port()
    root = f"http://127.0.0.1:{port}{PATH}"
    program = [
        *["env", f"PYTHONPATH={BASE_DIR}", f"GRADIO_TEMP_DIR={directory / 'files'}"],
        # Not for its safety: with the statistics of its defaults it is slow.
        *["GRADIO_ANALYTICS_ENABLED=0", "GRADIO_ANALYTICS_MAX_EVENTS=1"],
        *["GRADIO_ANALYTICS_CACHE_FREQUENCY=1000000"],
        *[sys.executable, "-m", "tests.attacks.bare", str(port)],
    ]
    with running(program, port, directory):
        target = Target(root, bare_user("ada", root), bare_user("bob", root), Person("", root))
        yield target
        target.close()


def bare_user(name: str, root: str) -> Person:
    with httpx.Client() as client:
        form = {"username": name, "password": PASSWORD}
        client.post(f"{root}/login", data=form).raise_for_status()
        return Person(name, root, cookies=client.cookies)


@pytest.fixture(scope="module")
def table(bare: Target) -> list[tuple[str, str]]:
    """(method, path) of what the pinned Gradio serves, more than the mount here lets it."""
    found = httpx.get(bare.root.replace(PATH, "/routes")).json()
    assert len(found) > 60
    return [(method, path) for method, path in found if method in ("GET", "POST")]


@pytest.fixture(scope="package")
def site(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, collected_static: Path
) -> Iterator[Site]:
    """As in production. Gradio prints the traceback of what an app raises.

    Under uvicorn, as the bare one: daphne waits for the whole body of a request.
    """
    factory = SiteFactory(tmp_path_factory.mktemp("attacked"), demo_database)
    env = PRODUCTION | {"DJANGO_STATIC_ROOT": str(collected_static)}
    yield factory("uvicorn", env=env, allow_traceback=True)
    factory.close()


@pytest.fixture(scope="package")
def ours(site: Site) -> Iterator[Target]:
    root = f"{site.url}{PATH}"
    with ExitStack() as stack:
        target = Target(
            root,
            Person("ada", root, headers=site.sign_in("ada")),
            Person("bob", root, headers=site.sign_in("bob")),
            Person("nobody", root),
        )
        stack.callback(target.close)
        yield target


@pytest.fixture(scope="package")
def visited(site: Site) -> Iterator[Target]:
    """The same app for everybody, and two visitors without an account."""
    root = f"{site.url}/gradio/open-target"

    def visitor(name: str) -> Person:
        token = httpx.post(f"{site.url}/api/auth/visit").raise_for_status().json()["access"]
        return Person(name, root, headers={"Authorization": f"Bearer {token}"})

    target = Target(root, visitor("ada"), visitor("bob"), Person("nobody", root))
    yield target
    target.close()
