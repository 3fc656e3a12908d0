"""Processes that share no directory, with the files of users in S3: wherever a file was made, and
wherever it is asked for."""

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.attacks.people import API, Failed, Person, Tab, filedata
from tests.servers import (
    DEMO_PASSWORD,
    GRACE,
    S3,
    Place,
    Site,
    SiteFactory,
    component,
    frozen,
    manage,
    s3_server,
    stop,
    wait_for,
)

# Nothing may hang: two attempts of a connection and an answer each, and some pause.
LONGEST = 14.0


@dataclass
class Apart:
    """Two processes. Each has a directory of its own at the path that both have for files."""

    sites: list[Site]
    s3: S3
    directory: Path

    def at(self, number: int, name: str, app: str = "files") -> Person:
        site = self.sites[number]
        return Person(name, f"{site.url}/gradio/{app}", headers=site.sign_in(name))

    def copies(self, number: int) -> list[Path]:
        """The files that a process has here."""
        users = self.directory / f"data-{number}" / "gradio" / "users"
        return [path for path in users.rglob("*") if path.is_file()]

    def forget(self, number: int) -> None:
        for path in self.copies(number):
            path.unlink()

    def manage(self, *words: str) -> str:
        done = manage(*words, env=self.sites[0].env)
        assert done.returncode == 0, done.stderr
        return done.stdout


def _own_mount(directory: Path, mounted: Path) -> list[str]:
    """A command that sees `directory` at `mounted`, alone."""
    options = "-m" if os.geteuid() == 0 else "-rm"
    script = 'mount --bind "$0" "$1" && shift && exec "$@"'
    return [component("unshare"), options, "sh", "-c", script, str(directory), str(mounted)]


@pytest.fixture(scope="module")
def apart(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, redis_server: str
) -> Iterator[Apart]:
    factory = SiteFactory(tmp_path_factory.mktemp("apart"), demo_database)
    directory = factory.directory / "site"
    factory.prepare(directory)
    (directory / "data").mkdir()
    for number in (0, 1):
        (directory / f"data-{number}").mkdir()
    if subprocess.run([*_own_mount(directory / "data-0", directory / "data"), "true"]).returncode:
        pytest.skip("missing component: permission to mount")
    with s3_server(tmp_path_factory.mktemp("s3")) as s3:
        env = s3.env | {
            "REDIS_URL": redis_server,
            "GRADIO_UI_CLUSTER_PREFIX": "apart",
            "GRADIO_UI_CLUSTER_ADDRESS": "tcp://127.0.0.1:0",
            "ACCOUNTS_SIGNUP_OPEN": "1",
            "EXTRA_APPS": "tests.cluster.files,tests.gradio_ui.open_house",
            "GRADIO_UI_MAX_USER_BYTES": "6000000",
        }

        def start(number: int) -> Site:
            place = Place(within=_own_mount(directory / f"data-{number}", directory / "data"))
            server = ("daphne", "uvicorn")[number]
            # A storage that does not answer is told in the log.
            return factory(server, directory=directory, env=env, allow_traceback=True, place=place)

        with ThreadPoolExecutor() as pool:
            sites = list(pool.map(start, (0, 1)))
        yield Apart(sites, s3, directory)
        factory.close()


@pytest.fixture(scope="module")
def ada(apart: Apart) -> list[Person]:
    return [apart.at(number, "ada") for number in (0, 1)]


@pytest.fixture(scope="module")
def bob(apart: Apart) -> list[Person]:
    return [apart.at(number, "bob") for number in (0, 1)]


def fetch(person: Person, path: str, **headers: str) -> httpx.Response:
    return person.get(f"{API}/file={path}", headers=headers)


def _stores(person: Person) -> bool:
    answer = person.client.post(f"{API}/upload", files={"files": ("c.txt", b"c")})
    return answer.status_code == 200


def test_an_upload_is_read_everywhere(apart: Apart, ada: list[Person], bob: list[Person]) -> None:
    path = ada[0].upload(b"tea 3.20", "receipt.txt")
    user = ada[0].client.get(f"{apart.sites[0].url}/api/auth/me").json()["user"]["id"]
    assert str(Path(path).parents[1]) == f"{apart.directory}/data/gradio/users/{user}/files"
    name = path.removeprefix(f"{apart.directory}/data/gradio/")
    assert f"site/{name}" in apart.s3.objects()
    assert not apart.copies(1)
    answer = fetch(ada[1], path)
    assert (answer.status_code, answer.text) == (200, "tea 3.20")
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["x-content-type-options"] == "nosniff"
    apart.forget(1)
    part = fetch(ada[1], path, Range="bytes=4-7")
    assert (part.status_code, part.text) == (206, "3.20")
    assert fetch(ada[0], path).text == "tea 3.20"
    for number in (0, 1):
        apart.forget(number)
        for other in (path, path.replace("/users/", "/users/../users/"), path.replace("/", "%2F")):
            assert fetch(bob[number], other).status_code == 403
        assert not apart.copies(number), "bob had her file fetched"


def test_an_event_takes_what_another_process_was_given(apart: Apart, ada: list[Person]) -> None:
    for here, there in ((0, 1), (1, 0)):
        path = ada[here].upload(f"from {here}".encode(), "note.txt")
        tab = Tab(ada[there])
        pid = apart.sites[there].process.pid
        assert tab.predict("hold", filedata(path)) == [pid, 6]
        assert Tab(ada[there]).run("hold", filedata(path))[1] == 6


def test_what_a_state_names_is_found_again(apart: Apart, ada: list[Person]) -> None:
    path = ada[0].upload(b"kept", "kept.txt")
    Tab(ada[0]).predict("hold", filedata(path))
    apart.forget(0), apart.forget(1)
    pid = apart.sites[1].process.pid
    assert Tab(ada[1]).predict("read") == [pid, "kept"]
    apart.forget(0), apart.forget(1)
    result = Tab(ada[1]).predict("held")
    apart.forget(1)
    assert fetch(ada[0], result["path"]).text == "kept"


def test_results_are_read_everywhere(ada: list[Person], bob: list[Person], apart: Apart) -> None:
    results = [Tab(ada[0]).predict("paint", "red"), Tab(ada[0]).run("paint", "blue")]
    tab = Tab(ada[0])
    tab.start("paint_slowly", "green")
    with tab.stream() as messages:
        for message in messages:
            if message["msg"] == "process_generating":
                (value,) = message["output"]["data"]
                paths = (
                    [value]
                    if isinstance(value, dict)
                    else [{"path": change[2]} for change in value if change[1] == ["path"]]
                )
                # It is there before anybody is told of it.
                assert all(fetch(ada[1], found["path"]).status_code == 200 for found in paths)
                results += paths
            if message["msg"] == "process_completed":
                break
    assert len(results) >= 4
    for result in results:
        assert fetch(ada[1], result["path"]).status_code == 200
        assert fetch(bob[1], result["path"]).status_code == 403


def test_an_event_takes_nothing_of_others(
    apart: Apart, ada: list[Person], bob: list[Person]
) -> None:
    path = ada[0].upload(b"hers", "hers.txt")
    apart.forget(1)
    for number in (0, 1):
        with pytest.raises(Failed):
            Tab(bob[number]).predict("hold", filedata(path))
    assert not apart.copies(1)


def test_links_to_a_page_work_everywhere(ada: list[Person], bob: list[Person]) -> None:
    tab = Tab(ada[0])
    tab.predict("paint", "red")
    link = ada[0].get(f"{API}/deep_link?session_hash={tab.hash}").json()
    seen = [
        who.get(f"/config?deep_link={link}").json()["deep_link_state"] for who in (*ada, bob[1])
    ]
    assert seen == ["valid", "valid", "invalid"]


def test_what_an_app_brings_is_read_everywhere(ada: list[Person]) -> None:
    """Though each process has made its own."""
    paths = []
    for person in ada:
        (image,) = [c for c in person.config["components"] if c["type"] == "image"]
        paths.append(image["props"]["value"]["path"])
    assert paths[0] != paths[1]
    for path in paths:
        for person in ada:
            wait_for(lambda: fetch(person, path).status_code == 200)  # noqa: B023


def test_a_visitors_files_become_the_persons_own_everywhere(apart: Apart) -> None:
    urls = [site.url for site in apart.sites]
    with httpx.Client(timeout=20, headers={"Origin": urls[0]}) as visitor:
        visitor.get(f"{urls[0]}/gradio/open/", headers={"Accept": "text/html"}).raise_for_status()
        api = "/gradio/open/gradio_api"
        answer = visitor.post(f"{urls[0]}{api}/upload", files={"files": ("v.txt", b"visited")})
        (path,) = answer.json()
        assert "/users/visitor-" in path
        # One that the other process has, and one that it has not.
        (other,) = visitor.post(f"{urls[0]}{api}/upload", files={"files": ("w.txt", b"w")}).json()
        assert visitor.get(f"{urls[1]}{api}/file={path}").text == "visited"
        page = visitor.get(f"{urls[0]}/accounts/login/").text
        token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        form = {"login": "bob", "password": "gradio-demo", "csrfmiddlewaretoken": token}
        signed_in = visitor.post(f"{urls[0]}/accounts/login/", data=form)
        assert signed_in.status_code == 302, signed_in.text
        for number in (0, 1):
            assert visitor.get(f"{urls[number]}{api}/file={path}").text == "visited"
            assert visitor.get(f"{urls[number]}{api}/file={other}").text == "w"
    assert not [key for key in apart.s3.objects() if "/users/visitor-" in key]
    for number in (0, 1):
        stranger = apart.at(number, "ada", "open")
        assert fetch(stranger, path).status_code == 403


def test_the_quota_is_of_all_processes(apart: Apart, ada: list[Person]) -> None:
    megabyte = 1_000_000
    first = ada[0].upload(b"a" * megabyte, "a.bin")
    assert ada[0].upload(b"a" * megabyte, "a.bin") == first  # the same, which takes no more
    ada[1].upload(b"b" * megabyte, "b.bin")
    more = [("files", (f"{number}.bin", bytes([number]) * 1_500_000)) for number in range(3)]
    for person in ada:
        answer = person.client.post(f"{API}/upload", files=more)
        assert answer.status_code == 413, answer.text
    apart.manage("gradio_files", "purge", "--days", "0")
    assert not [key for key in apart.s3.objects() if "/users/" in key]
    assert ada[1].client.post(f"{API}/upload", files=more).status_code == 200


def test_old_files_go(apart: Apart, ada: list[Person]) -> None:
    path = ada[0].upload(b"old", "old.txt")
    assert fetch(ada[1], path).text == "old"
    apart.manage("gradio_files", "purge", "--days", "0")
    assert not [key for key in apart.s3.objects() if "/users/" in key]
    apart.forget(0), apart.forget(1)
    assert fetch(ada[1], path).status_code == 403
    # What is uploaded again is there again.
    assert ada[1].upload(b"old", "old.txt") == path
    assert fetch(ada[0], path).text == "old"


def test_who_is_deleted_leaves_no_files(apart: Apart) -> None:
    account = {"username": "eve", "password": DEMO_PASSWORD, "email": "eve@example.org"}
    httpx.post(f"{apart.sites[0].url}/api/auth/register", json=account).raise_for_status()
    eve = apart.at(0, "eve")
    path = eve.upload(b"hers", "eve.txt")
    key = f"site/{path.removeprefix(f'{apart.directory}/data/gradio/')}"
    assert key in apart.s3.objects()
    apart.manage(
        "shell",
        "-c",
        "from django.contrib.auth.models import User;User.objects.get(username='eve').delete()",
    )
    assert key not in apart.s3.objects()


def test_a_storage_that_stands_still_is_told_and_comes_back(
    apart: Apart, ada: list[Person]
) -> None:
    path = ada[0].upload(b"here", "here.txt")
    tab = Tab(ada[1])
    with frozen(apart.s3.process), ThreadPoolExecutor() as pool:
        began = time.monotonic()
        upload = pool.submit(
            ada[0].new_client().post, f"{API}/upload", files={"files": ("a", b"1")}, timeout=60
        )
        download = pool.submit(ada[1].new_client().get, f"{API}/file={path}", timeout=60)
        event = pool.submit(tab.run, "hold", filedata(path))
        # What is here already needs no storage, and nobody waits for those who wait.
        assert fetch(ada[0], path).text == "here"
        assert ada[1].get("/config").status_code == 200
        for answer in (upload.result(), download.result()):
            assert answer.status_code == 503, answer.text
            assert answer.json()["detail"].startswith("Files cannot be reached")
        with pytest.raises(Failed, match="Files cannot be reached"):
            event.result()
        assert time.monotonic() - began < LONGEST + 3 * GRACE
    # Not in the very moment: who has waited long spares the next ones the same.
    wait_for(lambda: fetch(ada[1], path).status_code == 200)
    assert fetch(ada[1], path).text == "here"
    wait_for(lambda: _stores(ada[0]))
    assert tab.predict("hold", filedata(path))[1] == 4
    assert ada[0].upload(b"again", "again.txt")


def test_a_storage_that_is_gone_is_told(apart: Apart, ada: list[Person], tmp_path: Path) -> None:
    """And everything works with it when it is back, empty as this one is. The last test here."""
    path = ada[0].upload(b"here", "here.txt")
    apart.forget(1)
    stop(apart.s3.process)
    refused = [
        ada[0].client.post(f"{API}/upload", files={"files": ("b.txt", b"2")}),
        fetch(ada[1], path),
        ada[1].post(f"{API}/run/hold", {"data": [filedata(path)], "session_hash": "a-page"}),
    ]
    assert [answer.status_code for answer in refused] == [503, 503, 503]
    assert fetch(ada[0], path).text == "here"
    with pytest.raises(Failed, match="Files cannot be reached"):
        Tab(ada[0]).predict("paint", "yellow")
    # Nobody is kept from signing in.
    assert apart.at(1, "ada", "open").get("/config").status_code == 200
    done = manage("gradio_files", "usage", env=apart.sites[0].env)
    assert done.returncode == 1 and "The storage cannot be used" in done.stderr
    with s3_server(tmp_path, apart.s3.port):
        for person in ada:
            wait_for(lambda: _stores(person))  # noqa: B023
        path = ada[0].upload(b"again", "again.txt")
        assert fetch(ada[1], path).text == "again"
        assert Tab(ada[1]).predict("paint", "yellow")
