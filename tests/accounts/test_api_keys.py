"""API keys: made and revoked by page and API, and what a program can do with one."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from accounts.models import ApiKey
from accounts.programs import MOST_KEYS
from sessionstate import Session, logins
from tests.accounts.helpers import ME, SAME_ORIGIN, bearer, by_api, by_page, confirmed, status
from tests.factories import UserFactory
from tests.servers import Site, SiteFactory

KEYS = "/api/keys"
PAGE = "/accounts/keys/"
DATA = "/api/session/data"
FORM = re.compile(r"gsk_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")


def login(user: str) -> Client:
    return Client(headers=bearer(by_api(user)["access"]))


def make(user: str, **fields: Any) -> dict[str, Any]:
    body = {"name": "nightly"} | fields
    answer = login(user).post(KEYS, body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def program(key: str) -> Client:
    return Client(headers=bearer(key), raise_request_exception=False)


def put(client: Client, key: str, value: str) -> int:
    return client.put(f"{DATA}/{key}", value, content_type="application/json").status_code


def session_of(client: Client) -> str:
    found: str = client.get(ME).json()["session_id"]
    return found


def test_a_key_is_its_users_way_in(ada: User) -> None:
    made = make("ada")
    assert FORM.fullmatch(made["key"])
    answer = program(made["key"]).get(ME)
    assert answer.json()["user"]["username"] == "ada"
    assert not answer.cookies, "a program with a key has no use for a cookie"


def test_the_key_is_shown_once_and_stored_nowhere(ada: User) -> None:
    made = make("ada")
    secret = made["key"].rpartition("_")[2] if "_" not in made["key"][13:] else made["key"][13:]
    assert program(made["key"]).get(ME).status_code == 200
    stored = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            stored += cursor.fetchall()
    everything = repr(stored)
    assert hashlib.sha256(made["key"].encode()).hexdigest() in everything
    assert secret not in everything
    listed = login("ada").get(KEYS)
    assert [(one["id"], one["prefix"]) for one in listed.json()] == [(made["id"], made["prefix"])]
    assert secret not in listed.content.decode()
    assert "digest" not in listed.content.decode()


def test_the_program_has_a_durable_session_of_its_own(ada: User) -> None:
    key = make("ada")["key"]
    mine = login("ada")
    assert put(program(key), "visits", "1") == 204
    assert program(key).get(DATA).json() == {"visits": 1}
    assert mine.get(DATA).json() == {}
    session = Session(session_of(program(key)))
    assert session["visits"] == 1, "the one that callbacks see"
    assert session.user_id == str(ada.pk)
    assert "_api_key" not in program(key).get(DATA).json()
    assert put(program(key), "_api_key", "7") == 422
    assert session_of(program(make("ada")["key"])) != session.id


def test_the_session_is_renewed_when_it_has_expired(ada: User, clock: ModuleType) -> None:
    key = make("ada")["key"]
    first = session_of(program(key))
    clock.shift(settings.SESSION_COOKIE_AGE + 1)
    second = session_of(program(key))
    assert second != first
    logins.revoke_user(ada.pk)
    assert session_of(program(key)) != second


@pytest.mark.django_db(transaction=True)
def test_first_uses_at_once_share_one_session() -> None:
    UserFactory(username="ada")
    key = make("ada")["key"]
    before = {each.id for each in logins.for_user(User.objects.get().pk)}
    found: list[str] = []

    def use() -> None:
        found.append(session_of(program(key)))
        connection.close()

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    after = {each.id for each in logins.for_user(User.objects.get().pk)}
    assert after - before == set(found)


def test_revoking_ends_key_and_session_at_once(ada: User) -> None:
    made, mine = make("ada"), login("ada")
    session = session_of(program(made["key"]))
    assert mine.delete(f"{KEYS}/{made['id']}").status_code == 204
    assert status(made["key"]) == 401
    assert session not in {each.id for each in logins.for_user(ada.pk)}
    assert mine.delete(f"{KEYS}/{made['id']}").status_code == 404
    assert mine.get(KEYS).json() == []
    assert mine.get(ME).status_code == 200


def test_a_key_expires(ada: User, clock: ModuleType) -> None:
    made = make("ada", expires=(clock.now() + timedelta(hours=1)).isoformat())
    session = session_of(program(made["key"]))
    clock.shift(3590)
    assert session_of(program(made["key"])) == session
    clock.shift(11)
    assert status(made["key"]) == 401
    assert session not in {each.id for each in logins.for_user(ada.pk)}, "it ends with the key"


def test_a_disabled_user_is_out_at_once(ada: User) -> None:
    key = make("ada")["key"]
    assert status(key) == 200
    ada.is_active = False
    ada.save()
    assert status(key) == 401


def test_deleting_the_user_ends_the_session(
    ada: User, django_capture_on_commit_callbacks: Any
) -> None:
    key = make("ada")["key"]
    session, pk = session_of(program(key)), ada.pk
    with django_capture_on_commit_callbacks(execute=True):
        ada.delete()
    assert status(key) == 401
    assert session not in {each.id for each in logins.for_user(pk)}


def test_a_new_password_leaves_keys_and_their_state(ada: User) -> None:
    key = make("ada")["key"]
    put(program(key), "kept", "1")
    ada.set_password("another horse battery")
    ada.save()
    assert program(key).get(DATA).json() == {"kept": 1}


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key[:-1],
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key.replace("gsk_", "GSK_"),
        lambda key: "gsk_" + "0" * 8 + key[12:],
        lambda key: key + " x",
        lambda key: "gsk_",
        lambda key: "gsk_" + "x" * 1_000_000,
    ],
)
def test_what_is_not_quite_a_key_is_refused(ada: User, change: Any) -> None:
    assert status(change(make("ada")["key"])) == 401


def test_a_key_counts_in_authorization_only(ada: User) -> None:
    key = make("ada")["key"]
    assert Client(headers={"X-Session-Token": key}).get(ME).status_code == 401
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert client.get(ME).status_code == 401
    assert client.get(f"{ME}?key={key}").status_code == 401


def test_a_bad_key_does_not_fall_back_to_the_cookie(ada: User) -> None:
    browser = by_page("ada")
    assert browser.get(ME, headers=bearer("gsk_bad")).status_code == 401


def test_a_key_opens_no_page_of_the_site(ada: User) -> None:
    ada.is_staff = ada.is_superuser = True
    ada.save()
    key = make("ada")["key"]
    assert status(key) == 200
    for path in (PAGE, "/accounts/sessions/", "/accounts/password/change/", "/admin/"):
        assert program(key).get(path).status_code == 302, path


def test_a_key_manages_neither_keys_nor_logins(ada: User) -> None:
    made, mine = make("ada"), login("ada")
    client = program(made["key"])
    own = session_of(mine)
    answer = client.post(KEYS, {"name": "x"}, content_type="application/json")
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert client.delete(f"{KEYS}/{made['id']}").status_code == 403
    assert client.delete("/api/sessions").status_code == 403
    assert client.delete(f"/api/sessions/{own}").status_code == 403
    assert client.get(KEYS).status_code == 200
    assert mine.get(ME).status_code == 200


def test_a_read_only_key_changes_nothing(ada: User) -> None:
    client = program(make("ada", write=False)["key"])
    assert put(client, "x", "1") == 403
    for method in ("put", "patch", "delete"):
        assert getattr(client, method)(DATA, {}, content_type="application/json").status_code == 403
    assert client.post("/api/auth/logout").status_code == 403
    assert client.get(DATA).json() == {}


def test_other_peoples_keys_are_out_of_sight(ada: User, bob: User) -> None:
    made, bobs = make("ada"), login("bob")
    assert bobs.get(KEYS).json() == []
    assert bobs.delete(f"{KEYS}/{made['id']}").status_code == 404
    for key_id in (0, -1, 2**63, 10**30):
        assert bobs.delete(f"{KEYS}/{key_id}").status_code == 404
    page = by_page("bob")
    assert page.get(f"{PAGE}{made['id']}/revoke/").status_code == 404
    assert page.post(f"{PAGE}{made['id']}/revoke/").status_code == 404
    assert status(made["key"]) == 200


def test_the_last_use_is_noted_once_a_minute(ada: User, clock: ModuleType) -> None:
    made = make("ada")
    assert made["last_used"] is None

    def noted() -> Any:
        return ApiKey.objects.get(pk=made["id"]).last_used

    program(made["key"]).get(ME)
    first = noted()
    assert abs((first - clock.now()).total_seconds()) < 5
    clock.shift(30)
    program(made["key"]).get(ME)
    assert noted() == first
    clock.shift(31)
    program(made["key"]).get(ME)
    assert noted() > first
    assert login("ada").get(KEYS).json()[0]["last_used"] is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 101},
        {"name": "a\x00b"},
        {"name": "\ud800"},
        {"name": None},
        {"apps": ["Not A Slug"]},
        {"apps": "dashboard"},
        {"apps": ["a"] * 101},
        {"expires": "2001-01-01T00:00:00Z"},
        {"expires": "2100-01-01T00:00:00Z"},
        {"expires": "9999-12-31T23:59:59-12:00"},
        {"expires": "2026-12-31T00:00:00"},
        {"write": "perhaps"},
    ],
)
def test_nonsense_makes_no_key(ada: User, fields: dict[str, Any]) -> None:
    client = login("ada")
    client.raise_request_exception = False
    answer = client.post(KEYS, {"name": "x"} | fields, content_type="application/json")
    assert answer.status_code == 422
    assert not ApiKey.objects.exists()


def test_there_is_a_limit_of_keys(ada: User) -> None:
    ApiKey.objects.bulk_create(
        ApiKey(user=ada, name="x", prefix="0", digest=str(number)) for number in range(MOST_KEYS)
    )
    client = login("ada")
    assert client.post(KEYS, {"name": "x"}, content_type="application/json").status_code == 409
    page = confirmed(by_page("ada")).post(PAGE, {"name": "x", "access": "read", "days": "30"})
    assert "Revoke one that you no longer use" in page.content.decode()
    assert ApiKey.objects.count() == MOST_KEYS


def test_another_sites_page_cannot_make_a_key(ada: User) -> None:
    browser = by_page("ada")
    body = {"name": "x"}
    for headers in ({}, {"Origin": "https://evil.example"}):
        answer = browser.post(KEYS, body, content_type="application/json", headers=headers)
        assert answer.status_code == 403
    own = browser.post(KEYS, body, content_type="application/json", headers=SAME_ORIGIN)
    assert own.status_code == 201


# The page.


def test_the_page_makes_shows_once_and_revokes_after_asking(ada: User) -> None:
    browser = confirmed(by_page("ada"))
    assert "You have no API keys" in browser.get(PAGE).content.decode()
    answer = browser.post(
        PAGE, {"name": "nightly", "apps": "dashboard, hello", "access": "read", "days": "90"}
    )
    match = FORM.search(answer.content.decode())
    assert match
    raw = match[0]
    assert "no-store" in answer["Cache-Control"]
    assert status(raw) == 200
    again = browser.get(PAGE).content.decode()
    assert raw not in again
    assert raw[:12] in again
    assert "Read only, dashboard, hello" in again
    key = ApiKey.objects.get()
    assert key.expires is not None
    assert 89 < (key.expires - key.created).days + 1 <= 91
    confirm = f"{PAGE}{key.pk}/revoke/"
    assert "cannot be undone" in browser.get(confirm).content.decode()
    assert status(raw) == 200, "to look at the question revokes nothing"
    assert browser.post(confirm)["Location"] == PAGE
    assert status(raw) == 401
    assert browser.get(confirm).status_code == 404


@pytest.mark.parametrize(
    "fields", [{"name": ""}, {"apps": "No/slug"}, {"access": "all"}, {"days": "9999"}, {"days": ""}]
)
def test_the_page_explains_what_is_wrong(ada: User, fields: dict[str, str]) -> None:
    body = {"name": "x", "apps": "", "access": "read", "days": "30"} | fields
    answer = confirmed(by_page("ada")).post(PAGE, body)
    assert 'class="errorlist"' in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_that_never_expires_is_asked_for(ada: User) -> None:
    confirmed(by_page("ada")).post(PAGE, {"name": "x", "access": "write", "days": "never"})
    key = ApiKey.objects.get()
    assert (key.expires, key.write, key.apps) == (None, True, [])


def test_the_page_is_for_people_and_protected(ada: User) -> None:
    assert Client().get(PAGE).status_code == 302
    browser = by_page("ada", Client(enforce_csrf_checks=False))
    browser.handler.enforce_csrf_checks = True
    assert browser.post(PAGE, {"name": "x", "access": "read", "days": "30"}).status_code == 403
    assert not ApiKey.objects.exists()


def test_its_session_is_listed_as_a_keys(ada: User) -> None:
    made = make("ada", name="nightly")
    assert status(made["key"]) == 200
    browser = by_page("ada")
    page = browser.get("/accounts/sessions/").content.decode()
    assert re.search(r"nightly <span[^>]*>API key<", page)
    assert "End the session of the key nightly" in page
    assert page.count("This session") == 1


# Operators.


@pytest.fixture
def root(db: None) -> Client:
    UserFactory(username="root", is_staff=True, is_superuser=True)
    return by_page("root")


def test_the_admin_lists_and_revokes_but_never_shows_a_secret(root: Client, ada: User) -> None:
    made = make("ada", apps=["dashboard"], write=False)
    digest = ApiKey.objects.get().digest
    base = "/admin/accounts/apikey/"
    for path in (base, f"{base}{made['id']}/change/"):
        page = root.get(path).content.decode()
        assert made["prefix"] in page
        assert "read only: dashboard" in page
        assert made["key"][13:] not in page
        assert digest not in page
    assert root.get(f"{base}add/").status_code == 403
    assert status(made["key"]) == 200
    root.post(base, {"action": "revoke", "_selected_action": [made["id"]]})
    assert status(made["key"]) == 401
    assert ApiKey.objects.get().revoked


def test_the_log_names_keys_by_prefix_only(ada: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        made = make("ada")
        program(made["key"]).get(ME)
        status(made["key"][:-1])
        login("ada").delete(f"{KEYS}/{made['id']}")
        status(made["key"])
    assert made["prefix"] in caplog.text
    assert made["key"][13:-1] not in caplog.text


# Several processes.


@pytest.fixture
def sites(live_server_factory: SiteFactory) -> Iterator[tuple[Site, Site]]:
    first = live_server_factory("uvicorn", env={"EXTRA_APPS": "tests.testapp"})
    directory = first.log_file.parent
    second = live_server_factory(
        "uvicorn", directory=directory, env={"EXTRA_APPS": "tests.testapp"}
    )
    yield first, second


def test_two_processes_and_the_gate_keep_to_the_key(sites: tuple[Site, Site]) -> None:
    first, second = sites
    person = first.sign_in("ada")

    def new(**fields: Any) -> dict[str, Any]:
        answer = httpx.post(f"{first.url}{KEYS}", json={"name": "x"} | fields, headers=person)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def code(site: Site, made: dict[str, Any], path: str, method: str = "GET") -> int:
        headers = bearer(made["key"])
        return httpx.request(method, f"{site.url}{path}", headers=headers).status_code

    every, some, reader = new(), new(apps=["hello"]), new(write=False)
    slugs = re.findall(r"/gradio/([a-z0-9-]+)/", httpx.get(first.url, headers=person).text)
    app = slugs[0]
    only = new(apps=[app])
    config, join = f"/gradio/{app}/config", f"/gradio/{app}/gradio_api/queue/join"
    assert code(first, every, config) == 200
    assert code(second, only, config) == 200
    assert code(first, some, config) == 403
    assert code(first, reader, config) == 200
    assert code(first, reader, join, "POST") == 403
    assert code(first, every, join, "POST") == 422, "it reached Gradio, which wants a body"

    assert code(first, every, ME) == code(second, every, ME) == 200
    gone = httpx.delete(f"{first.url}{KEYS}/{every['id']}", headers=person)
    assert gone.status_code == 204
    for site in sites:
        assert code(site, every, ME) == code(site, every, config) == 401
        assert every["key"][13:] not in site.log
