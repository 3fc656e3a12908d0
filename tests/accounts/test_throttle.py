"""How often one may fail: the same count at every door, and no way to lock somebody out of home."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.test import Client, override_settings

from accounts import audit
from accounts.models import AuditEvent, Lockout
from tests.accounts.helpers import LOGIN, bearer, by_api, by_page
from tests.factories import PASSWORD, UserFactory
from tests.servers import free_port

API = "/api/auth/login"
HOME = "203.0.113.7"
LOCKOUTS = "/admin/accounts/lockout/"


@pytest.fixture(autouse=True)
def at_once(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trail knows addresses; tests run inside a transaction that is never committed."""
    monkeypatch.setattr(audit, "transaction", SimpleNamespace(on_commit=lambda write: write()))


def attempt(name: str, password: str = "wrong", ip: str = "198.51.100.1", **headers: str) -> Any:
    body = {"username": name, "password": password}
    client = Client(REMOTE_ADDR=ip, headers=headers)
    return client.post(API, body, content_type="application/json")


def page(name: str, password: str = "wrong", ip: str = "198.51.100.1") -> Any:
    return Client(REMOTE_ADDR=ip).post(LOGIN, {"login": name, "password": password})


def address(n: int) -> str:
    return f"198.51.100.{n}"


def test_a_user_is_guarded_however_many_addresses_guess(ada: User) -> None:
    assert [attempt("ada", ip=address(n)).status_code for n in range(5)] == [401] * 5
    assert attempt("ada", PASSWORD, ip=address(6)).status_code == 429
    assert page("ada", PASSWORD, ip=address(7)).status_code == 429


@pytest.mark.parametrize("other", ["ADA", " ada ", "ada@example.com", "Ada@Example.Com"])
def test_another_way_to_write_the_name_is_no_other_count(ada: User, other: str) -> None:
    for n in range(5):
        attempt("ada", ip=address(n))
    assert attempt(other, PASSWORD, ip=address(9)).status_code == 429


def test_an_address_is_stopped_however_many_names_it_tries(ada: User) -> None:
    answers = [attempt(f"somebody{n}").status_code for n in range(11)]
    assert answers == [401] * 10 + [429]
    assert page("ada", PASSWORD).status_code == 429
    assert attempt("ada", PASSWORD, ip=HOME).status_code == 200


def test_nobody_is_locked_out_of_where_they_sign_in(ada: User) -> None:
    by_api("ada", Client(REMOTE_ADDR=HOME))
    for n in range(20):
        attempt("ada", ip=address(n))
    assert attempt("ada", PASSWORD, ip=address(30)).status_code == 429
    assert attempt("ada", PASSWORD, ip=HOME).status_code == 200
    by_page("ada", Client(REMOTE_ADDR=HOME))
    # At home there is a limit too, and it is home's own.
    assert [attempt("ada", ip=HOME).status_code for _ in range(6)] == [401] * 5 + [429]


def test_a_network_of_ipv6_is_one_address(ada: User) -> None:
    by_api("ada", Client(REMOTE_ADDR="2001:db8:1:2::1"))
    for n in range(5):
        attempt("ada", ip=address(n))
    assert attempt("ada", PASSWORD, ip="2001:db8:1:2:aaaa::9").status_code == 200
    assert attempt("ada", PASSWORD, ip="2001:db8:1:3::9").status_code == 429


def test_where_somebody_else_signs_in_is_not_home(ada: User, bob: User) -> None:
    by_api("bob", Client(REMOTE_ADDR=HOME))
    for n in range(5):
        attempt("ada", ip=address(n))
    assert attempt("ada", PASSWORD, ip=HOME).status_code == 429


def test_success_gives_back_its_own_attempt_only(ada: User) -> None:
    """Else whoever has an account could guess at others' without end."""
    for _ in range(4):
        attempt("ada")
    assert attempt("ada", PASSWORD).status_code == 200
    # From now on the address is known, and has five of its own; those elsewhere stay counted.
    assert attempt("ada", ip=address(2)).status_code == 401
    assert attempt("ada", ip=address(3)).status_code == 429


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_names_there_are_and_are_not_are_treated_alike(ada: User, name: str) -> None:
    answers = [attempt(name, ip=address(n)) for n in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[0].json()["detail"] == "The user name or the password is not right."
    assert answers[5].json()["title"] == "Too Many Requests"
    assert answers[5].headers.keys() >= {"Retry-After"}


def test_a_refusal_says_when_to_come_back(ada: User) -> None:
    for n in range(5):
        attempt("ada", ip=address(n))
    program, browser = attempt("ada", ip=address(8)), page("ada", ip=address(9))
    assert program["Content-Type"] == "application/problem+json"
    assert b"Too many attempts" in browser.content
    for answer in (program, browser):
        assert 290 <= int(answer["Retry-After"]) <= 300


def test_attempts_are_limited_too_not_failures_alone(ada: User) -> None:
    assert [attempt("ada", PASSWORD).status_code for _ in range(30)] == [200] * 30
    refused = attempt("ada", PASSWORD)
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 60
    browser = page("ada", PASSWORD)
    assert browser.status_code == 429
    assert browser["Retry-After"] == "60"


def test_nothing_is_hashed_for_who_is_refused(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        attempt("ada", ip=address(n))

    def never(*args: Any) -> Any:
        raise AssertionError("hashed")

    monkeypatch.setattr(hashers.Argon2PasswordHasher, "verify", never)
    monkeypatch.setattr(hashers.Argon2PasswordHasher, "encode", never)
    for name in ("ada", "ADA"):
        assert attempt(name, ip=address(9)).status_code == 429


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Client-IP"])
def test_what_a_client_says_of_its_address_counts_for_nothing(ada: User, name: str) -> None:
    answers = [attempt(f"user{n}", **{name: f"10.0.0.{n}"}).status_code for n in range(11)]
    assert answers == [401] * 10 + [429]


def test_the_admin_has_no_password_form_of_its_own(ada: User) -> None:
    answer = Client().post("/admin/login/", {"username": "ada", "password": PASSWORD})
    assert answer.status_code == 302
    assert answer["Location"].startswith(LOGIN)
    assert not answer.cookies


def test_a_password_that_confirms_who_one_is_counts_as_an_attempt(ada: User) -> None:
    client = Client(headers=bearer(by_api("ada")["access"]))
    body = {"name": "nightly", "password": "wrong"}
    answers = [client.post("/api/keys", body, content_type="application/json") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429]


def test_a_lockout_is_seen_and_lifted_in_the_admin(ada: User) -> None:
    UserFactory(username="root", is_staff=True, is_superuser=True)
    root = by_page("root", Client(REMOTE_ADDR=HOME))
    assert "0 lockouts" in root.get(LOCKOUTS).content.decode()
    for _ in range(8):
        attempt("ada")
    assert Lockout.objects.count() == 1, "one line, however often it is tried again"
    assert AuditEvent.objects.filter(kind="locked_out", username="ada").count() == 1
    listed = root.get(LOCKOUTS).content.decode()
    assert "ada" in listed
    assert "198.51.100.1" in listed
    lockout = Lockout.objects.get()
    assert root.post(f"{LOCKOUTS}{lockout.pk}/delete/", {"post": "yes"}).status_code == 403
    root.post(LOCKOUTS, {"action": "unlock_selected", "_selected_action": [lockout.pk]})
    assert not Lockout.objects.exists()
    assert AuditEvent.objects.filter(kind="unlocked", username="ada", actor="root").count() == 1
    assert attempt("ada", PASSWORD).status_code == 200


def test_a_lockout_that_is_over_is_not_listed(ada: User, clock: Any) -> None:
    for _ in range(6):
        attempt("ada")
    UserFactory(username="root", is_staff=True, is_superuser=True)
    client = by_page("root", Client(REMOTE_ADDR=HOME))
    assert "1 lockout" in client.get(LOCKOUTS).content.decode()
    clock.shift(301)
    assert "0 lockouts" in client.get(LOCKOUTS).content.decode()


def test_the_page_says_no_more_than_that_one_must_wait(ada: User) -> None:
    for n in range(5):
        attempt("ada", ip=address(n))
    known = page("ada", PASSWORD, ip=address(9)).content.decode()
    for n in range(5):
        attempt("nobody", ip=address(20 + n))
    unknown = page("nobody", PASSWORD, ip=address(29)).content.decode()

    def text(html: str) -> str:
        return re.sub(r'nonce="[^"]*"|csrf\w*" value="[^"]*"', "", html)

    assert text(known) == text(unknown)


def test_counts_that_processes_do_not_share_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def warned() -> bool:
        found = run_checks(tags=["security"], include_deployment_checks=True)
        return "accounts.W010" in {message.id for message in found}

    assert not warned()
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert warned()
    redis = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://localhost"}
    with override_settings(CACHES={"default": redis}):
        assert not warned()
    monkeypatch.delenv("WEB_CONCURRENCY")
    dummy = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
    with override_settings(CACHES={"default": dummy}):
        assert warned()


@pytest.mark.parametrize("door", [attempt, page])
def test_while_attempts_cannot_be_counted_nobody_signs_in(ada: User, door: Any) -> None:
    down = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": f"redis://127.0.0.1:{free_port()}",
    }
    with override_settings(CACHES={"default": down}):
        answer = door("ada", PASSWORD)
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    assert not answer.cookies
