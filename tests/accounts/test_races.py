"""What must not happen twice does not, in two processes that share a store."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.servers import BASE_DIR, Postgres, project_env

ADA = {"username": "ada", "password": "correct horse battery"}
MOST = 3


class Racer:
    def __init__(self, env: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.accounts.racer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=BASE_DIR,
            env=dict(env),
            text=True,
        )

    def order(self, *words: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "it ended"
        return json.loads(line)

    def do(self, *words: Any) -> Any:
        self.order(*words)
        return self.answer()

    def close(self) -> None:
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module", params=["redis", "postgresql"])
def racers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Racer]]:
    directory = tmp_path_factory.mktemp("racers")
    more = {"SESSION_MAX_PER_USER": str(MOST), "LOG_LEVEL": "CRITICAL"}
    if request.param == "redis":
        url: str = request.getfixturevalue("redis_server")
        more |= {"REDIS_URL": url.removesuffix("/0") + "/7", "SESSIONSTATE_BACKEND": "redis"}
    else:
        server: Postgres = request.getfixturevalue("postgres_server")
        more |= {"DATABASE_URL": server.new_database("racers"), "SESSIONSTATE_BACKEND": "db"}
    env = project_env(directory, **more)
    first = Racer(env)
    first.do("setup", *ADA.values())
    both = [first, Racer(env)]
    yield both
    for racer in both:
        racer.close()


def race(racers: list[Racer], path: str, body: dict[str, str]) -> list[tuple[int, Any]]:
    for racer in racers:
        racer.order("race", path, body)
    return [tuple(answer) for racer in racers for answer in racer.answer()]


def test_twenty_refreshes_leave_one_successor(racers: list[Racer]) -> None:
    first, second = racers
    code, tokens = first.do("post", "/api/auth/login", ADA)
    assert code == 200
    for racer in racers:
        racer.do("settle", 4)
    answers = race(racers, "/api/auth/refresh", {"refresh": tokens["refresh"]})
    for racer in racers:
        racer.do("settle", 0)
    codes = sorted(code for code, _ in answers)
    assert codes == [200] + [401] * 19, [body for code, body in answers if code not in (200, 401)]
    (winner,) = (body for code, body in answers if code == 200)
    # The losers did not end the session, and the winner's pair is good in both processes.
    code, successor = second.do("post", "/api/auth/refresh", {"refresh": winner["refresh"]})
    assert code == 200
    # From now on each of the race's tokens is a reused one, which ends the session everywhere.
    assert first.do("post", "/api/auth/refresh", {"refresh": tokens["refresh"]})[0] == 401
    assert second.do("post", "/api/auth/refresh", {"refresh": successor["refresh"]})[0] == 401


def test_twenty_sign_ins_leave_as_many_logins_as_allowed(racers: list[Racer]) -> None:
    answers = race(racers, "/api/auth/login", ADA)
    codes = [code for code, _ in answers]
    assert codes.count(200) >= MOST
    # Whose session was ended by newer ones before it had its answer, is told so.
    odd = [(code, body) for code, body in answers if code not in (200, 400)]
    assert not odd
    given = {body["session_id"] for code, body in answers if code == 200}
    for racer in racers:
        live = set(racer.do("live", "ada"))
        assert len(live) == MOST
        assert live <= given
