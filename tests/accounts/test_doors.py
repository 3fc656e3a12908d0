"""Page, API and app on a real server behind a proxy: one address, one count, one trail."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import httpx

from tests.accounts.helpers import LOGIN
from tests.servers import DEMO_PASSWORD, Site

APP = "/gradio/assistant/login"
API = "/api/auth/login"


def forwarded(client: str, forged: str = "6.6.6.6") -> dict[str, str]:
    """What the proxy makes of a client's request that claimed another address already."""
    return {"X-Forwarded-For": f"{forged}, {client}"}


def by_app(site: Site, name: str, password: str, headers: dict[str, str]) -> httpx.Response:
    form = {"username": name, "password": password}
    return httpx.post(f"{site.url}{APP}", data=form, headers=headers)


def by_api(site: Site, name: str, password: str, headers: dict[str, str]) -> httpx.Response:
    body = {"username": name, "password": password}
    return httpx.post(f"{site.url}{API}", json=body, headers=headers)


def by_page(site: Site, name: str, password: str, headers: dict[str, str]) -> httpx.Response:
    with httpx.Client(base_url=site.url, headers=headers) as client:
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(LOGIN).text)
        assert found
        form = {"login": name, "password": password, "csrfmiddlewaretoken": found[1]}
        return client.post(LOGIN, data=form, headers={"Origin": site.url})


DOORS = {"app": by_app, "api": by_api, "page": by_page}


def trail(site: Site, ip: str) -> list[tuple[str, str, str]]:
    database = site.env["DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(
            "SELECT kind, username, door FROM accounts_auditevent WHERE ip = ? ORDER BY id", [ip]
        ).fetchall()


def test_every_door_notes_who_came_and_from_where(proxied_site: Site) -> None:
    ip = "203.0.113.77"
    for door, sign_in in DOORS.items():
        refused = sign_in(proxied_site, "bob", "wrong", forwarded(ip))
        assert refused.status_code == (200 if door == "page" else 401), door
        assert sign_in(proxied_site, "bob", DEMO_PASSWORD, forwarded(ip)).status_code < 400, door
    assert trail(proxied_site, ip) == [
        (kind, "bob", door) for door in DOORS for kind in ("sign_in_failed", "signed_in")
    ]
    assert trail(proxied_site, "6.6.6.6") == []
    token = by_api(proxied_site, "bob", DEMO_PASSWORD, forwarded(ip)).json()["access"]
    headers = {"Authorization": f"Bearer {token}"} | forwarded(ip)
    mine = httpx.get(f"{proxied_site.url}/api/sessions", headers=headers).json()
    assert {login["ip"] for login in mine} == {ip}
    assert f'"client":"{ip}"' in proxied_site.log
    assert '"client": "6.6.6.6"' not in proxied_site.log


def test_forged_addresses_and_other_doors_are_one_count(proxied_site: Site) -> None:
    doors = [by_app, by_api, by_page]
    statuses = [
        doors[n % 3](
            proxied_site, f"nobody{n}", "x", forwarded("203.0.113.78", f"10.0.0.{n}")
        ).status_code
        for n in range(10)
    ]
    assert set(statuses) <= {200, 401}
    for sign_in in doors:
        refused = sign_in(proxied_site, "bob", DEMO_PASSWORD, forwarded("203.0.113.78"))
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert not refused.cookies.get("session")
