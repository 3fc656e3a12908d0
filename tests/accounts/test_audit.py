"""The audit trail: what every door leaves in it, who may read it, and when it goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client, RequestFactory

from accounts import audit
from accounts.audit import KINDS, record
from accounts.models import AuditEvent, Lockout
from sessionstate import logins
from sessionstate.clock import now
from tests.accounts.helpers import ME, bearer, by_api, by_page, cookie_of, status
from tests.factories import PASSWORD, UserFactory

LOGIN = "/api/auth/login"
EVENTS = "/admin/accounts/auditevent/"
AGENT = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}

Line = tuple[str, str, str, str]


@pytest.fixture
def at_once(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run inside a transaction that is never committed."""
    monkeypatch.setattr(audit, "transaction", SimpleNamespace(on_commit=lambda write: write()))


@pytest.fixture
def lines(at_once: None) -> Callable[[], list[Line]]:
    """What was noted since the last call: kind, user, by whom, by which door."""
    seen: set[int] = set(AuditEvent.objects.values_list("pk", flat=True))

    def fresh() -> list[Line]:
        events = [e for e in AuditEvent.objects.order_by("pk") if e.pk not in seen]
        seen.update(event.pk for event in events)
        return [(e.kind, e.username, e.actor, e.door) for e in events]

    return fresh


@pytest.fixture
def root(db: None) -> Client:
    UserFactory(username="root", is_staff=True, is_superuser=True)
    return by_page("root")


def test_page_and_api_leave_the_same_lines(ada: User, lines: Callable[[], list[Line]]) -> None:
    lines()
    Client().post("/accounts/login/", {"login": "ada", "password": "wrong"})
    browser = by_page("ada")
    browser.post("/accounts/logout/")
    assert lines() == [
        ("sign_in_failed", "ada", "", "page"),
        ("signed_in", "ada", "", "page"),
        ("signed_out", "ada", "", "page"),
    ]
    Client().post(LOGIN, {"username": "ada", "password": "wrong"}, content_type="application/json")
    access = by_api("ada")["access"]
    Client(headers=bearer(access)).post("/api/auth/logout")
    assert lines() == [
        ("sign_in_failed", "ada", "", "api"),
        ("signed_in", "ada", "", "api"),
        ("signed_out", "ada", "", "api"),
    ]


def test_a_line_says_from_where_and_with_what(ada: User, at_once: None) -> None:
    answer = by_api("ada", Client(headers=AGENT, REMOTE_ADDR="203.0.113.9"))
    event = AuditEvent.objects.get(kind="signed_in")
    assert (event.user_id, event.ip) == (str(ada.pk), "203.0.113.9")
    assert event.session == answer["session_id"][:8]
    assert "Firefox" in event.user_agent


def test_a_failure_names_users_only(ada: User, at_once: None) -> None:
    """People type their password where the name belongs."""
    for name in ("ada@example.com", "my secret password"):
        body = {"username": name, "password": "wrong"}
        Client().post(LOGIN, body, content_type="application/json")
    found = list(AuditEvent.objects.filter(kind="sign_in_failed").order_by("pk"))
    assert [event.username for event in found] == ["ada", ""]
    assert "secret password" not in repr([vars(event) for event in found])


def test_who_ends_somebodys_sessions_is_named(
    root: Client, ada: User, lines: Callable[[], list[Line]]
) -> None:
    by_api("ada")
    lines()
    chosen = {"action": "sign_out_everywhere", "_selected_action": [ada.pk]}
    root.post("/admin/auth/user/", chosen)
    assert lines() == [("session_ended", "ada", "root", "admin")]
    root.post("/admin/auth/user/", chosen | {"action": "disable"})
    root.post("/admin/auth/user/", chosen | {"action": "enable"})
    assert lines() == [
        ("user_disabled", "ada", "root", "admin"),
        ("user_enabled", "ada", "root", "admin"),
    ]
    by_api("ada")
    lines()
    logins.revoke_user(ada.pk)
    assert lines() == [("session_ended", "ada", "", "command")]


def test_a_session_that_goes_on_under_another_id_has_not_ended(
    ada: User, lines: Callable[[], list[Line]]
) -> None:
    browser = by_page("ada")
    lines()
    new = {"oldpassword": PASSWORD, "password1": "brand new 7", "password2": "brand new 7"}
    assert browser.post("/accounts/password/change/", new).status_code == 302
    assert lines() == [("password_changed", "ada", "", "page")]


def test_changes_of_roles_are_noted_however_they_are_made(
    ada: User, bob: User, lines: Callable[[], list[Line]]
) -> None:
    group, permission = Group.objects.create(name="writers"), Permission.objects.first()
    assert permission
    lines()
    ada.groups.add(group)
    group.user_set.add(bob)  # from the other side
    group.user_set.clear()
    ada.user_permissions.add(permission)
    group.permissions.add(permission)
    ada.is_staff = True
    ada.save()
    group.name = "authors"
    group.save()
    group.delete()
    assert sorted(line[:2] for line in lines()) == sorted(
        [
            ("roles_changed", "ada"),
            ("roles_changed", "bob"),
            ("roles_changed", "ada"),
            ("roles_changed", "bob"),
            ("permissions_changed", "ada"),
            ("permissions_changed", ""),
            ("roles_changed", "ada"),
            ("group_renamed", ""),
            ("group_deleted", ""),
        ]
    )
    added = AuditEvent.objects.filter(kind="roles_changed", username="ada").order_by("pk")
    assert [event.details for event in added] == [
        {"added": ["writers"]},
        {"removed": ["writers"]},
        {"is_staff": True},
    ]


def test_people_come_and_go(lines: Callable[[], list[Line]]) -> None:
    eve = UserFactory(username="eve")
    eve.set_password("brand new 7")
    eve.save()
    eve.email = "new@example.com"
    eve.save()
    eve.delete()
    assert [line[0] for line in lines()] == ["user_created", "password_changed", "user_deleted"]


def test_a_password_that_is_hashed_anew_has_not_changed(
    ada: User, lines: Callable[[], list[Line]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.auth.hashers import Argon2PasswordHasher

    lines()
    before = ada.password
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 128)
    by_api("ada")
    ada.refresh_from_db()
    assert ada.password != before
    assert lines() == [("signed_in", "ada", "", "api")]


def test_keys_and_their_first_use_of_a_day(
    ada: User, lines: Callable[[], list[Line]], clock: ModuleType
) -> None:
    program = Client(headers=bearer(by_api("ada")["access"]))
    lines()
    made = program.post("/api/keys", {"name": "nightly"}, content_type="application/json").json()
    for _ in range(3):
        assert status(made["key"]) == 200
        clock.shift(120)
    clock.shift(24 * 60 * 60)
    assert status(made["key"]) == 200
    fresh = lines()
    assert [line[0] for line in fresh].count("key_used") == 2
    assert fresh[0] == ("key_created", "ada", "", "api")
    by_page("ada").post(f"/accounts/keys/{made['id']}/revoke/")
    assert ("key_revoked", "ada", "", "page") in lines()
    assert made["key"] not in json.dumps(list(AuditEvent.objects.values("details")))


def test_no_secret_gets_into_the_trail(ada: User, at_once: None) -> None:
    browser = Client()
    answer = by_api("ada", browser)
    request = RequestFactory().get("/", headers={"User-Agent": f"x {answer['access']}"})
    record("signed_in", user=ada, request=request, session_id=answer["session_id"],
           token=answer["access"], more=[answer["session_id"], cookie_of(browser)])  # fmt: skip
    everything = repr(list(AuditEvent.objects.values()))
    for secret in (answer["access"], answer["refresh"], answer["session_id"], cookie_of(browser)):
        assert secret not in everything
    assert answer["session_id"][:8] in everything


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_leaves_no_line() -> None:
    ada = UserFactory(username="ada")
    AuditEvent.objects.all().delete()
    with pytest.raises(RuntimeError), transaction.atomic():
        ada.groups.create(name="writers")
        raise RuntimeError
    assert not AuditEvent.objects.exists()
    with transaction.atomic():
        ada.groups.create(name="writers")
        assert not AuditEvent.objects.exists()
    assert AuditEvent.objects.get().kind == "roles_changed"


@pytest.mark.django_db(transaction=True)
def test_nobody_is_kept_out_by_a_trail_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    UserFactory(username="ada")

    def fail(self: AuditEvent, **kwargs: Any) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(AuditEvent, "save", fail)
    by_page("ada")
    by_api("ada")
    assert caplog.text.count("The audit trail could not be written: signed_in") == 2
    assert not AuditEvent.objects.filter(kind="signed_in").exists()


def test_the_trail_can_be_read_and_not_changed(root: Client, ada: User, at_once: None) -> None:
    record("signed_in", user=ada)
    event = AuditEvent.objects.get(kind="signed_in")
    assert b"ada" in root.get(EVENTS).content
    assert root.get(f"{EVENTS}{event.pk}/change/").status_code == 200
    assert root.post(f"{EVENTS}{event.pk}/change/", {"username": "eve"}).status_code == 403
    assert root.get(f"{EVENTS}add/").status_code == 403
    assert root.post(f"{EVENTS}{event.pk}/delete/", {"post": "yes"}).status_code == 403
    root.post(EVENTS, {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"})
    event.refresh_from_db()
    assert event.username == "ada"
    assert by_page("ada").get(EVENTS).status_code == 302


def test_the_trail_can_be_searched(root: Client, ada: User, bob: User, at_once: None) -> None:
    AuditEvent.objects.all().delete()
    for kind in KINDS:
        record(kind, user=ada, session_id="a" * 32)
    record("signed_in", user=bob)

    def found(query: str) -> int:
        return root.get(f"{EVENTS}?{query}").content.decode().count('class="field-at')

    assert found("kind=signed_in") == 2
    assert found("kind=signed_in&q=bob") == 1
    assert found("q=aaaaaaaa") == len(KINDS)
    assert found("door=command") == len(KINDS) + 1
    assert found("door=sso") == 0
    today = (now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert found(f"at__gte={today}") == len(KINDS) + 1


def test_old_lines_are_purged(db: None, at_once: None, settings: Any) -> None:
    settings.ACCOUNTS_AUDIT_DAYS = 30
    for days in (1, 29, 31, 400):
        AuditEvent.objects.create(kind="signed_in", at=now() - timedelta(days=days))
    Lockout.objects.create(key="name:x", ip="10.0.0.1", until=now() - timedelta(days=1))

    def purge(*options: str) -> str:
        out = StringIO()
        call_command("purge_audit", *options, stdout=out)
        return out.getvalue()

    assert purge("--dry-run") == "2 lines would be deleted.\n"
    assert AuditEvent.objects.count() == 4
    assert purge() == "2 lines deleted.\n"
    assert not Lockout.objects.exists()
    assert purge("--days", "5") == "1 lines deleted.\n"
    with pytest.raises(CommandError, match="negative"):
        purge("--days=-1")
    assert AuditEvent.objects.count() == 1


def test_a_second_use_of_a_refresh_token_is_noted(
    ada: User, lines: Callable[[], list[Line]], clock: ModuleType
) -> None:
    tokens = by_api("ada")
    lines()
    for _ in range(2):
        body = {"refresh": tokens["refresh"]}
        Client().post("/api/auth/refresh", body, content_type="application/json")
        clock.shift(5)
    assert [line[0] for line in lines()] == ["token_reused", "session_ended"]
    assert Client(headers=bearer(tokens["access"])).get(ME).status_code == 401
