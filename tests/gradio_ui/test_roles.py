"""Functions for some people only: each kind of function, through each door, by each person."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client

from tests.gradio_ui.conftest import tab
from tests.gradio_ui.guarded.gradio_apps import KINDS
from tests.servers import Site, SiteFactory, manage, project_env, wait_for

REFUSAL = "You need to be in one of the groups editors or analysts to do this."
# Besides the demo users: ada is an analyst, bob is nobody in particular, admin is a superuser.
PEOPLE = """
from django.contrib.auth.models import Permission, User
for name, staff in ("carl", True), ("dora", False):
    user = User.objects.create_user(name, f"{name}@example.com", "gradio-demo", is_staff=staff)
user.user_permissions.add(Permission.objects.get(codename="view_group"))
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, demo_database: Path) -> Path:
    directory = tmp_path_factory.mktemp("people")
    shutil.copy(demo_database, directory / "db.sqlite3")
    done = manage("shell", "-v0", "-c", PEOPLE, env=project_env(directory))
    assert done.returncode == 0, done.stderr
    return directory / "db.sqlite3"


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Iterator[SiteFactory]:
    factory = SiteFactory(tmp_path_factory.mktemp("guarded"), database)
    yield factory
    factory.close()


@pytest.fixture(scope="module")
def site(factory: SiteFactory) -> Site:
    return factory("daphne", env={"EXTRA_APPS": "tests.gradio_ui.guarded"})


class Person:
    """Somebody who is signed in, and the doors to the functions of an app."""

    def __init__(self, site: Site, name: str, slug: str = "guarded") -> None:
        self.site = site
        self.name = name
        self.slug = slug
        self.url = f"{site.url}/gradio/{slug}"
        self.http = httpx.Client(headers=site.sign_in(name), timeout=30)
        config = self.http.get(f"{self.url}/config").json()
        self.numbers = {d["api_name"]: d["id"] for d in config["dependencies"]}
        self.render = next(
            (d["id"] for d in config["dependencies"] if d["render_id"] is not None), None
        )
        self._count = 0

    @property
    def client(self) -> Client:
        return tab(self.site, self.slug, dict(self.http.headers))

    def join(self, number: int, data: list[Any]) -> str:
        """Through the queue, by fn_index, as a page does it. What came of it."""
        self._count += 1
        tab = f"{self.name}{id(self)}{self._count}"
        body = {"data": data, "fn_index": number, "session_hash": tab}
        answer = self.http.post(f"{self.url}/gradio_api/queue/join", json=body)
        if answer.status_code != 200:
            return answer.text
        stream = self.http.get(f"{self.url}/gradio_api/queue/data", params={"session_hash": tab})
        return stream.text

    def call(self, name: str, word: str) -> str:
        url = f"{self.url}/gradio_api/call/{name}"
        answer = self.http.post(url, json={"data": [word]})
        if answer.status_code != 200:
            return answer.text
        return self.http.get(f"{url}/{answer.json()['event_id']}").text

    def run(self, name: str, word: str) -> str:
        url = f"{self.url}/gradio_api/run/{name}"
        return self.http.post(url, json={"data": [word]}).text

    def run_by_number(self, name: str, word: str) -> str:
        body = {"data": [word], "fn_index": self.numbers[name]}
        return self.http.post(f"{self.url}/gradio_api/run/predict", json=body).text

    def through(self, door: str, name: str, word: str) -> str:
        if door == "join":
            return self.join(self.numbers[name], [word])
        if door == "client":
            try:
                return str(self.client.predict(word, api_name=f"/{name}"))
            except Exception as error:
                return str(error)
        return str(getattr(self, door)(name, word))

    def what_ran(self) -> list[str]:
        found: list[str] = self.http.post(
            f"{self.url}/gradio_api/run/what_ran", json={"data": []}
        ).json()["data"][0]
        return found


class Visitors:
    def __init__(self) -> None:
        self._all: list[Person] = []

    def __call__(self, site: Site, name: str, slug: str = "guarded") -> Person:
        self._all.append(Person(site, name, slug))
        return self._all[-1]

    def close(self) -> None:
        for person in self._all:
            person.http.close()


@pytest.fixture(scope="module")
def visit() -> Iterator[Visitors]:
    visitors = Visitors()
    yield visitors
    visitors.close()


DOORS = ("join", "call", "run", "run_by_number", "client")
STEPS = ("generator", "async_generator", "iterates_it")


@pytest.fixture(scope="module")
def people(site: Site, visit: Visitors) -> dict[str, Person]:
    return {name: visit(site, name) for name in ("ada", "bob", "carl", "dora", "admin")}


def is_refusal(found: str, sentence: str = REFUSAL) -> bool:
    return sentence in found or "403 Forbidden" in found


@pytest.mark.parametrize(
    ("kind", "door"),
    [(kind, door) for kind in KINDS for door in DOORS if door != "client" or kind in STEPS],
)
def test_a_function_runs_for_members_and_superusers_only(
    people: dict[str, Person], kind: str, door: str
) -> None:
    # A bare run is the first step only.
    expected = "first" if kind in STEPS and door.startswith("run") else f"{kind} a"
    for name in ("ada", "admin"):
        assert expected in people[name].through(door, kind, "a")
    before = people["ada"].what_ran()
    for name in ("bob", "carl"):
        found = people[name].through(door, kind, "a")
        assert is_refusal(found), (name, found)
        assert "first" not in found
    assert people["ada"].what_ran() == before


@pytest.mark.parametrize(
    ("function", "may", "sentence"),
    [
        ("permitted", {"dora", "admin"}, "You need the permission auth.view_group to do this."),
        ("for_staff", {"carl", "admin"}, "Only staff may do this."),
        ("both", {"admin"}, " to do this."),
    ],
)
def test_permissions_and_the_staff_mark(
    people: dict[str, Person], function: str, may: set[str], sentence: str
) -> None:
    for name, person in people.items():
        found = person.through("join", function, "a")
        if name in may:
            assert f"{function} a" in found
        else:
            assert sentence in found or function == "both" and "Only staff" in found, name


@pytest.mark.parametrize("name", ["api", "timer", "load", "at_once", "validated", "chain_then"])
def test_every_kind_of_event_asks(people: dict[str, Person], name: str) -> None:
    assert " a" in people["ada"].through("join", name, "a")
    before = people["ada"].what_ran()
    assert is_refusal(people["bob"].through("join", name, "a"))
    assert is_refusal(people["bob"].through("call", name, "a"))
    # Not even a validator has run.
    assert people["ada"].what_ran() == before


def test_a_part_of_the_page_is_rendered_for_members_only(people: dict[str, Person]) -> None:
    number = people["ada"].render
    assert number is not None
    assert "rendered a" in people["ada"].join(number, ["a"])
    assert is_refusal(people["bob"].join(number, ["a"]))
    assert "rendered b" not in people["bob"].join(number, ["b"])


def test_a_chat_answers_members_only(site: Site, visit: Visitors) -> None:
    ada, bob = visit(site, "ada", "guarded-chat"), visit(site, "bob", "guarded-chat")
    assert ada.client.predict("hi", api_name="/reply") == "reply hi"
    with pytest.raises(Exception, match=r"403 Forbidden|You need to be in"):
        bob.client.predict("hi", api_name="/reply")
    for name, number in bob.numbers.items():
        if name.startswith("_submit_fn"):
            assert is_refusal(bob.join(number, ["hi", []]))


def test_cached_examples_are_for_members_only(site: Site, visit: Visitors) -> None:
    ada, bob = visit(site, "ada", "guarded-examples"), visit(site, "bob", "guarded-examples")
    assert is_refusal(bob.join(bob.numbers["load_example"], [0]))
    assert "plain a" in ada.join(ada.numbers["load_example"], [0])
    assert is_refusal(bob.join(bob.numbers["load_example"], [0]))


def test_a_server_function_of_a_component_asks(site: Site, visit: Visitors) -> None:
    ada, bob = visit(site, "ada", "guarded-examples"), visit(site, "bob", "guarded-examples")
    config = ada.http.get(f"{ada.url}/config").json()
    component = next(c["id"] for c in config["components"] if c["props"].get("server_fns"))
    body = {"session_hash": "x", "component_id": component, "fn_name": "serve", "data": "a"}
    answers = [
        who.http.post(f"{who.url}/gradio_api/component_server", json=body | {"session_hash": name})
        for name, who in (("a", ada), ("b", bob))
    ]
    assert answers[0].json() == "served a"
    assert answers[1].status_code == 403
    assert REFUSAL in answers[1].text


def test_the_groups_of_an_app_hold_for_everything_below_it(site: Site) -> None:
    headers = site.sign_in("bob")
    url = f"{site.url}/gradio/guarded-app"
    for path in ("/", "/more", "/config", "/gradio_api/info", "/gradio_api/openapi.json"):
        assert httpx.get(url + path, headers=headers).status_code == 403, path
    for path in ("queue/join", "run/long_run", "call/long_run", "upload", "component_server"):
        answer = httpx.post(f"{url}/gradio_api/{path}", json={"data": []}, headers=headers)
        assert answer.status_code == 403, path


# What changes meanwhile ---------------------------------------------------------------------

JOIN = """
from django.contrib.auth.models import Group, User
User.objects.get(username={name!r}).groups.{verb}(Group.objects.get(name="analysts"))
"""


def set_member(site: Site, name: str, member: bool) -> None:
    """From a process of its own, as an operator's shell is one."""
    script = JOIN.format(name=name, verb="add" if member else "remove")
    done = manage("shell", "-v0", "-c", script, env=site.env)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def two_sites(factory: SiteFactory, redis_server: str) -> tuple[Site, Site]:
    directory = factory.directory / "two"
    env = {
        "EXTRA_APPS": "tests.gradio_ui.guarded",
        "REDIS_URL": redis_server,
        "SESSIONSTATE_BACKEND": "redis",
    }
    first = factory("daphne", directory=directory, env=env)
    return first, factory("uvicorn", directory=directory, env=env)


def completed(text: str) -> list[dict[str, Any]]:
    messages = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    return [message for message in messages if message["msg"] == "process_completed"]


def test_a_group_that_changes_holds_from_the_next_call_in_every_process(
    two_sites: tuple[Site, Site], visit: Visitors
) -> None:
    first, second = two_sites
    headers = first.sign_in("bob")
    doors = [visit(site, "bob") for site in two_sites]
    for door in doors:
        door.http.headers.update(headers)
        assert is_refusal(door.call("plain", "a"))
        # Both have seen who bob is.
        assert is_refusal(door.call("calls_it", "a"))
    set_member(first, "bob", True)
    for door in doors:
        assert "plain a" in door.call("plain", "a")
        assert "calls_it a" in door.call("calls_it", "a")
    set_member(second, "bob", False)
    for door in doors:
        assert is_refusal(door.call("plain", "a"))
        assert is_refusal(door.call("calls_it", "a"))


def test_a_generator_stops_at_the_next_step_when_its_user_loses_the_group(
    two_sites: tuple[Site, Site], visit: Visitors
) -> None:
    first, second = two_sites
    set_member(second, "dora", True)
    # One has a rule of its own, the other that of its app.
    function, app = visit(first, "dora"), visit(first, "dora", "guarded-app")
    with ExitStack() as stack:
        streams = [
            stack.enter_context(started(function, "long_run", ["run"])),
            stack.enter_context(started(app, "long_run", [])),
        ]
        set_member(second, "dora", False)
        ends = [completed("\n".join(stream)) for stream in streams]
    assert [[message["success"] for message in end] for end in ends] == [[False], [False]]
    assert REFUSAL in str(ends[0])
    assert "You may not use this app." in str(ends[1])
    ada = visit(first, "ada")
    # It was closed, so that what it holds is free.
    wait_for(lambda: "end of run" in ada.what_ran())


@contextmanager
def started(person: Person, name: str, data: list[Any]) -> Iterator[Iterator[str]]:
    """The rest of the stream of a generator that has made its first step."""
    body = {"data": data, "fn_index": person.numbers[name], "session_hash": f"{id(person)}"}
    person.http.post(f"{person.url}/gradio_api/queue/join", json=body).raise_for_status()
    query = {"session_hash": body["session_hash"]}
    url = f"{person.url}/gradio_api/queue/data"
    with person.http.stream("GET", url, params=query) as stream:
        rest = stream.iter_lines()
        next(line for line in rest if "process_generating" in line)
        yield rest
