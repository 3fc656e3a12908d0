"""What one process changes, the next request on another one knows: over PostgreSQL and Redis, and
with PostgreSQL alone. And a known user's event costs no query."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.servers import Postgres, Site, SiteFactory, manage, project_env
from tests.worker import Worker

DASHBOARD = "/gradio/dashboard/config"


@pytest.fixture(scope="module")
def database(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    url = postgres_server.new_database("access")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE access SET log_statement = 'all'")
    env = project_env(tmp_path_factory.mktemp("access-database"), DATABASE_URL=url)
    for command in (["migrate", "-v", "0"], ["demo_users"]):
        done = manage(*command, env=env)
        assert done.returncode == 0, done.stderr
    return url


@pytest.fixture(scope="module", params=["redis", "db"])
def env(request: pytest.FixtureRequest, database: str) -> dict[str, str]:
    env = {
        "SESSIONSTATE_BACKEND": request.param,
        "DATABASE_URL": database,
        "EXTRA_APPS": "tests.testapp",
    }
    if request.param == "redis":
        env["REDIS_URL"] = request.getfixturevalue("redis_server").removesuffix("/0") + "/7"
    return env


@pytest.fixture(scope="module")
def sites(
    env: dict[str, str], tmp_path_factory: pytest.TempPathFactory, demo_database: Path
) -> Iterator[list[Site]]:
    factory = SiteFactory(tmp_path_factory.mktemp("access"), demo_database)
    yield [factory("uvicorn", env=env), factory("daphne", env=env)]
    factory.close()


@pytest.fixture(scope="module")
def orm(env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    worker = Worker(project_env(tmp_path_factory.mktemp("access-worker"), **env))
    yield worker
    worker.close()


@pytest.fixture
def ada(sites: list[Site], orm: Worker) -> Iterator[dict[str, str]]:
    """Headers of ada, who is as the demo made her, and known to both processes."""
    orm(
        "u = User.objects.get(username='ada'); u.is_active = True; u.set_password('gradio-demo');"
        " u.save(); u.groups.set([Group.objects.get_or_create(name='analysts')[0]])"
    )
    headers = sites[0].sign_in("ada")
    assert codes(sites, headers) == [200, 200]
    return headers


def codes(sites: list[Site], headers: dict[str, str], path: str = DASHBOARD) -> list[int]:
    return [httpx.get(site.url + path, headers=headers).status_code for site in sites]


OUT, FORBIDDEN = [401, 401], [403, 403]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("User.objects.filter(username='ada').update(is_active=False)", OUT),
        ("u = User.objects.get(username='ada'); u.is_active = False; u.save()", OUT),
        ("u = User.objects.get(username='ada'); u.set_password('x'); u.save()", OUT),
        ("logins.revoke_user(User.objects.get(username='ada').pk)", OUT),
        ("User.objects.get(username='ada').groups.clear()", FORBIDDEN),
        ("Group.objects.get(name='analysts').user_set.clear()", FORBIDDEN),
        ("Group.objects.filter(name='analysts').update(name='readers')", FORBIDDEN),
        ("Group.objects.get(name='analysts').delete()", FORBIDDEN),
    ],
)
def test_a_change_of_a_third_process_counts_everywhere_at_once(
    sites: list[Site], orm: Worker, ada: dict[str, str], code: str, expected: list[int]
) -> None:
    orm(code)
    assert codes(sites, ada) == expected
    orm(
        "Group.objects.filter(name='readers').update(name='analysts');"
        "User.objects.filter(username='ada').update(is_active=True)"
    )


def test_what_is_given_back_counts_at_once_too(
    sites: list[Site], orm: Worker, ada: dict[str, str]
) -> None:
    for _ in range(5):
        orm("User.objects.get(username='ada').groups.clear()")
        assert codes(sites, ada) == FORBIDDEN
        orm("User.objects.get(username='ada').groups.add(Group.objects.get(name='analysts'))")
        assert codes(sites, ada) == [200, 200]
        orm("User.objects.filter(username='ada').update(is_superuser=True)")
        assert codes(sites, ada, "/gradio/sessions/config") == [200, 200]
        orm("User.objects.filter(username='ada').update(is_superuser=False)")
        assert codes(sites, ada, "/gradio/sessions/config") == FORBIDDEN


def test_a_change_in_the_admin_of_one_process_counts_on_the_other(
    sites: list[Site], ada: dict[str, str]
) -> None:
    first, second = sites
    with httpx.Client(base_url=first.url, headers=first.sign_in("admin")) as admin:
        user_id = httpx.get(f"{first.url}/api/auth/me", headers=ada).json()["user"]["id"]
        page = f"/admin/auth/user/{user_id}/change/"
        html = admin.get(page).text
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html)
        fields = {"username": "ada", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
        origin = {"Origin": first.url}
        for extra, expected in (({"is_active": "on"}, 403), ({}, 401)):
            form = dict(hidden) | fields | extra
            answer = admin.post(page, data=form, headers=origin)
            assert answer.status_code == 302, re.findall(r"errorlist.*", answer.text)
            code = httpx.get(second.url + DASHBOARD, headers=ada).status_code
            assert code == expected


def event(client: httpx.Client) -> None:
    """What a browser sends for one, which changes the session."""
    api, session_hash = "/gradio/probe/gradio_api", uuid.uuid4().hex[:11]
    body = {"data": ["key", session_hash], "fn_index": 0, "session_hash": session_hash}
    assert client.post(f"{api}/queue/join", json=body).status_code == 200
    stream = client.get(f"{api}/queue/data", params={"session_hash": session_hash})
    messages = [json.loads(line[6:]) for line in stream.text.splitlines() if line]
    done = [message for message in messages if message["msg"] == "process_completed"]
    assert done[0]["output"]["data"] == [session_hash], messages


def test_an_event_of_a_known_user_asks_nothing_of_the_database_but_sessions(
    sites: list[Site], ada: dict[str, str], env: dict[str, str], postgres_server: Postgres
) -> None:
    with httpx.Client(base_url=sites[0].url, headers=ada) as client:
        for _ in range(5):
            event(client)
        before = len(postgres_server.log)
        for _ in range(40):
            event(client)
        asked = re.findall(r"LOG: +(?:statement|execute \S+): (.*)", postgres_server.log[before:])
    assert [sql for sql in asked if "auth_" in sql] == []
    if env["SESSIONSTATE_BACKEND"] == "redis":
        # Only now and then, for revocations that an outage of Redis left behind.
        looks = [sql for sql in asked if "sessionstate_pendingrevocation" in sql]
        assert asked == looks
        assert len(looks) < 20
