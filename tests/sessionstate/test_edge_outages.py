"""The store goes down under a running site: what clients are told, and that it recovers.

A request with a ticket is answered 503 in time, never as if nobody were signed in, and the event
loop serves everybody else meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import (
    BLOCKED,
    DEMO_PASSWORD,
    GRACE,
    Site,
    SiteFactory,
    manage,
    new_postgres,
    project_env,
    wait_for,
)
from tests.sessionstate.redis_process import RedisProcess

# The store counts as down after three quarters of SESSIONSTATE_STORE_TIMEOUT, 1.5 s. A request of
# many waits for that twice: until a thread of the gate is free, and for itself.
ANSWER_LIMIT, LIVE_LIMIT, RECOVERY_LIMIT = 3.0 + GRACE, BLOCKED, 15.0
APP = "/gradio/assistant"

PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
SCRIPT = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}


@dataclass(frozen=True)
class Ask:
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    json: Any = None


PROGRAMS = [
    Ask("GET", "/api/auth/me"),
    Ask("GET", "/api/session/data"),
    Ask("PUT", "/api/session/data/color", json="blue"),
    Ask("GET", "/api/sessions"),
    Ask("POST", "/api/auth/logout"),
    Ask("GET", f"{APP}/config"),
    Ask("GET", f"{APP}/gradio_api/info"),
    Ask("POST", f"{APP}/gradio_api/queue/join", json={"fn_index": 0, "data": []}),
    Ask("GET", f"{APP}/gradio_api/heartbeat/abc"),
    Ask("GET", "/"),
]
BROWSERS = [
    Ask("GET", "/", PAGE),
    Ask("GET", "/accounts/sessions/", PAGE),
    Ask("GET", "/accounts/login/", PAGE),
    Ask("GET", "/admin/", PAGE),
    Ask("GET", "/gradio/", PAGE),
    Ask("GET", f"{APP}/", PAGE),
]
SCRIPTS = [Ask(ask.method, ask.path, SCRIPT, ask.json) for ask in PROGRAMS if ask.path != "/"]


@dataclass
class Person:
    """Somebody with a browser and a program, both in one session that holds {"color": "red"}."""

    browser: httpx.Client
    program: httpx.Client

    def send(self, client: httpx.Client, ask: Ask) -> tuple[Ask, httpx.Response, float]:
        started = time.monotonic()
        headers = {"Origin": str(client.base_url).rstrip("/")} if ask.headers is SCRIPT else {}
        response = client.request(
            ask.method, ask.path, headers=ask.headers | headers, json=ask.json
        )
        return ask, response, time.monotonic() - started

    def send_all(self, *, at_once: int) -> list[tuple[Ask, httpx.Response, float]]:
        asks = [(self.program, ask) for ask in PROGRAMS]
        asks += [(self.browser, ask) for ask in BROWSERS + SCRIPTS]
        with ThreadPoolExecutor(at_once) as threads:
            return list(threads.map(lambda pair: self.send(*pair), asks))

    @property
    def data(self) -> Any:
        return self.program.get("/api/session/data").json()


@contextmanager
def signed_in(site: Site) -> Iterator[Person]:
    options: dict[str, Any] = {"base_url": site.url, "timeout": 30}
    with httpx.Client(**options) as browser, httpx.Client(**options) as program:
        answer = browser.post(
            "/api/auth/login", json={"username": "admin", "password": DEMO_PASSWORD}
        )
        assert answer.status_code == 200, answer.text
        program.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        assert program.put("/api/session/data/color", json="red").status_code == 204
        person = Person(browser, program)
        for ask in BROWSERS:
            assert person.send(browser, ask)[1].status_code in (200, 302), ask
        yield person


def assert_unavailable(ask: Ask, response: httpx.Response, seconds: float) -> None:
    assert response.status_code == 503, (ask, response.status_code, response.text[:300])
    assert seconds < ANSWER_LIMIT, (ask, seconds)
    # Nobody is signed out by it.
    assert "Set-Cookie" not in response.headers, ask
    assert "max-age" not in response.headers.get("Cache-Control", ""), ask
    kind = response.headers["Content-Type"]
    if ask.headers is PAGE:
        assert kind.startswith("text/html"), (ask, kind)
        assert "<h1>" in response.text or "<h1 " in response.text
        assert "Traceback" not in response.text, ask
    else:
        assert kind == "application/problem+json", (ask, kind)
        assert response.json()["status"] == 503


def assert_strangers_see_the_sign_in_page(site: Site) -> None:
    """They have no session that would be asked for."""
    page = httpx.get(f"{site.url}/accounts/login/", headers=PAGE, timeout=30)
    assert page.status_code == 200
    assert httpx.get(f"{site.url}{APP}/", headers=PAGE, timeout=30).status_code == 302
    assert httpx.get(f"{site.url}/api/auth/me", timeout=30).status_code == 401


def assert_outage_is_told(site: Site, person: Person) -> None:
    for at_once in (8, 40):
        for ask, response, seconds in person.send_all(at_once=at_once):
            assert_unavailable(ask, response, seconds)
    assert_strangers_see_the_sign_in_page(site)
    started = time.monotonic()
    ready = httpx.get(f"{site.url}/health/ready", timeout=30)
    assert time.monotonic() - started < ANSWER_LIMIT
    assert ready.status_code == 503
    assert ready.json()["checks"]["session_store"] != "ok"


def assert_recovered(site: Site, person: Person) -> None:
    wait_for(
        lambda: httpx.get(f"{site.url}/health/ready", timeout=30).status_code == 200,
        RECOVERY_LIMIT,
        "the site did not become ready again",
    )
    assert person.data == {"color": "red"}
    for ask in BROWSERS:
        _, response, _ = person.send(person.browser, ask)
        assert response.status_code in (200, 302), (ask, response.status_code)
        assert "login" not in response.headers.get("Location", ""), ask


@contextmanager
def live_meanwhile(site: Site) -> Iterator[None]:
    """Asks /health/live all the time; none of the answers may be late."""
    seconds: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=site.url, timeout=30) as client:
            while not ended.is_set():
                started = time.monotonic()
                assert client.get("/health/live").status_code == 200
                seconds.append(time.monotonic() - started)
                ended.wait(0.02)

    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(ask)
        try:
            yield
        finally:
            ended.set()
        asking.result()
    assert len(seconds) > 5
    assert max(seconds) < LIVE_LIMIT, max(seconds)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory, demo_database: Path) -> Iterator[SiteFactory]:
    factory = SiteFactory(tmp_path_factory.mktemp("sites"), demo_database)
    yield factory
    factory.close()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module", params=["redis", "cache"])
def site_on_redis(request: pytest.FixtureRequest, sites: SiteFactory, redis: RedisProcess) -> Site:
    return sites(
        env={"REDIS_URL": redis.url, "SESSIONSTATE_BACKEND": request.param}, allow_traceback=True
    )


@pytest.mark.parametrize("outage", ["stop", "freeze"])
def test_redis_goes_and_comes_back(site_on_redis: Site, redis: RedisProcess, outage: str) -> None:
    site = site_on_redis
    down: Callable[[], None] = redis.stop if outage == "stop" else redis.freeze
    up: Callable[[], None] = redis.start if outage == "stop" else redis.thaw
    with signed_in(site) as person, live_meanwhile(site):
        down()
        try:
            assert_outage_is_told(site, person)
        finally:
            up()
        assert_recovered(site, person)


REVOKE = """
from django.contrib.auth.models import User
from sessionstate import logins
logins.revoke_user(User.objects.get(username="admin").pk)
"""


def test_revoked_elsewhere_while_redis_is_down(site_on_redis: Site, redis: RedisProcess) -> None:
    site = site_on_redis
    with signed_in(site) as person:
        redis.stop()
        try:
            done = manage("shell", "-c", REVOKE, env=site.env)
            assert "RevocationPending" in done.stderr
        finally:
            redis.start()
        wait_for(lambda: person.program.get("/api/auth/me").status_code != 503, RECOVERY_LIMIT)
        assert person.program.get("/api/auth/me").status_code == 401
        response = person.browser.get(f"{APP}/", headers=PAGE)
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/accounts/login/")


def test_postgresql_goes_and_comes_back(sites: SiteFactory) -> None:
    with new_postgres() as database:
        directory = sites.directory / "on-postgresql"
        directory.mkdir()
        env = {"DATABASE_URL": database.new_database("site")}
        for command in (["migrate", "-v", "0"], ["demo_users"]):
            done = manage(*command, env=project_env(directory, **env))
            assert done.returncode == 0, done.stderr
        site = sites(directory=directory, env=env, allow_traceback=True)
        with signed_in(site) as person, live_meanwhile(site):
            database.stop()
            try:
                assert_outage_is_told(site, person)
            finally:
                database.start()
            assert_recovered(site, person)
