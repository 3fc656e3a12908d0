"""What is ada's in one process is hers in the one that has never seen it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.conftest import PATH, PRODUCTION
from tests.attacks.people import API, Failed, Person, Tab, Victim, filedata
from tests.servers import Postgres, SiteFactory, manage, project_env

STORES = ("redis", "postgres")


@pytest.fixture(scope="module", params=STORES)
def people(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, demo_database: Path
) -> Iterator[tuple[Victim, Person, Person]]:
    """ada in one process; bob and an anonymous visitor in the other."""
    directory = tmp_path_factory.mktemp(f"processes-{request.param}")
    if request.param == "redis":
        url = request.getfixturevalue("redis_server")
        env = {"REDIS_URL": url, "SESSIONSTATE_BACKEND": "redis"}
    else:
        postgres: Postgres = request.getfixturevalue("postgres_server")
        env = {"DATABASE_URL": postgres.new_database("attacks")}
        for command in (["migrate", "-v", "0"], ["demo_users"]):
            done = manage(*command, env=project_env(directory, **env))
            assert done.returncode == 0, done.stderr
    factory = SiteFactory(directory, demo_database)
    sites = [
        factory("daphne", directory=directory / "site", env=PRODUCTION | env, allow_traceback=True)
        for _ in range(2)
    ]
    ada = Person("ada", f"{sites[0].url}{PATH}", headers=sites[0].sign_in("ada"))
    bob = Person("bob", f"{sites[1].url}{PATH}", headers=sites[1].sign_in("bob"))
    nobody = Person("nobody", f"{sites[1].url}{PATH}")
    victim = Victim(ada)
    yield victim, bob, nobody
    victim.look()
    victim.leave()
    for person in (ada, bob, nobody):
        person.close()
    factory.close()


@pytest.mark.parametrize("who", ["bob", "nobody"])
def test_her_ids_open_nothing_in_another_process(
    people: tuple[Victim, Person, Person], who: str
) -> None:
    ada, thief = people[0], people[1 if who == "bob" else 2]
    expected = 403 if who == "bob" else 401
    body = {"data": [None], "fn_index": 1, "session_hash": ada.hash}
    cancel = {"session_hash": ada.running.hash, "event_id": ada.event, "fn_index": 4}
    answers = [
        thief.post(f"{API}/queue/join", body),
        thief.post(f"{API}/run/show", body),
        thief.post(f"{API}/call/show", {"data": [None], "session_hash": ada.hash}),
        thief.post(f"{API}/cancel", cancel),
        thief.post(f"{API}/stream/{ada.event}", {"data": []}),
        thief.get(f"{API}/queue/data?session_hash={ada.running.hash}"),
        thief.get(f"{API}/call/count_for/{ada.event}"),
        thief.get(f"{API}/heartbeat/{ada.hash}"),
        thief.get(f"{API}/deep_link?session_hash={ada.hash}"),
        thief.get(f"{API}/file={ada.path}"),
        thief.serve(1, "whisper", "x", ada.hash),
    ]
    assert [answer.status_code for answer in answers] == [expected] * len(answers)
    with pytest.raises(Failed):
        Tab(thief, fns=ada.person.fn).predict("read", filedata(ada.path))
