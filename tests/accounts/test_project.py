"""Demo users, system checks, the OpenAPI document."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.test import Client, override_settings

from accounts.demo import ensure_demo_users
from tests.accounts.helpers import by_api


def test_demo_users_are_made_once_and_then_left_alone(db: None) -> None:
    with override_settings(DEMO_USERS=True, DEMO_PASSWORD="first-password"):
        assert ensure_demo_users() == ["ada", "bob", "admin"]
    ada, admin = User.objects.get(username="ada"), User.objects.get(username="admin")
    assert list(ada.groups.values_list("name", flat=True)) == ["analysts"]
    assert not ada.is_staff
    assert admin.is_superuser
    assert not User.objects.get(username="bob").groups.exists()
    ada.set_password("my own password")
    ada.groups.clear()
    ada.save()
    with override_settings(DEMO_USERS=True, DEMO_PASSWORD="second-password"):
        assert ensure_demo_users() == []
    by_api("ada", password="my own password")
    by_api("bob", password="first-password")
    assert not ada.groups.exists()
    assert Group.objects.count() == 1


def test_the_command_needs_leave_where_debug_is_off(db: None) -> None:
    with override_settings(DEMO_USERS=False), pytest.raises(CommandError, match="DEMO_USERS=1"):
        call_command("demo_users")
    assert not User.objects.exists()
    out = StringIO()
    with override_settings(DEMO_USERS=True):
        call_command("demo_users", stdout=out)
        call_command("demo_users", stdout=out)
    assert out.getvalue().count("created") == 3
    assert out.getvalue().count("exists") == 3
    assert "gradio-demo" not in out.getvalue()


HOST_COOKIE = {"SESSION_COOKIE_SECURE": True, "SESSION_COOKIE_NAME": "__Host-s"}


@pytest.mark.parametrize(
    ("wrong", "id"),
    [
        ({"SIMPLE_JWT": {"ALGORITHM": "none"}}, "accounts.E001"),
        ({"SIMPLE_JWT": {"ALGORITHM": "RS256"}}, "accounts.E002"),
        ({"SIMPLE_JWT": {"SIGNING_KEY": "short"}}, "accounts.E002"),
        ({"SIMPLE_JWT": {"ACCESS_TOKEN_LIFETIME": timedelta(days=99)}}, "accounts.W001"),
        ({"ACCOUNTS_TICKET_PLACES": []}, "accounts.E003"),
        ({"ACCOUNTS_TICKET_PLACES": ["cookie", "query"]}, "accounts.E003"),
        ({"ACCOUNTS_TICKET_PLACES": ["cookie", "cookie"]}, "accounts.E003"),
        ({"ACCOUNTS_TOKEN_HEADER": "authorization"}, "accounts.E004"),
        ({"ACCOUNTS_TOKEN_HEADER": "X Token"}, "accounts.E004"),
        ({"ACCOUNTS_BEARER_HEADER": "Cookie"}, "accounts.E004"),
        ({"SESSION_COOKIE_SAMESITE": "None"}, "accounts.E005"),
        ({"SESSION_COOKIE_NAME": "__Host-s"}, "accounts.E006"),
        ({"SESSION_COOKIE_NAME": "__Secure-s"}, "accounts.E006"),
        (HOST_COOKIE | {"SESSION_COOKIE_PATH": "/x"}, "accounts.E006"),
        (HOST_COOKIE | {"SESSION_COOKIE_DOMAIN": "example.org"}, "accounts.E006"),
        ({"SESSION_COOKIE_SECURE": True, "SESSION_COOKIE_NAME": "session"}, "accounts.W002"),
        ({"SESSION_COOKIE_HTTPONLY": False}, "accounts.W003"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, Any], id: str) -> None:
    def found() -> set[str | None]:
        return {message.id for message in run_checks(tags=["security"])}

    assert id not in found()
    with override_settings(**wrong):
        assert id in found()


@pytest.fixture
def openapi(db: None) -> dict[str, Any]:
    document: dict[str, Any] = Client().get("/api/openapi.json").json()
    return document


def test_every_operation_is_documented(openapi: dict[str, Any]) -> None:
    found = {(method, path) for path, item in openapi["paths"].items() for method in item}
    assert found >= {
        ("post", "/api/auth/login"),
        ("post", "/api/auth/register"),
        ("post", "/api/auth/refresh"),
        ("post", "/api/auth/logout"),
        ("get", "/api/auth/me"),
        ("get", "/api/sessions"),
        ("delete", "/api/sessions"),
        ("delete", "/api/sessions/{session_id}"),
        *((m, "/api/session/data") for m in ("get", "patch", "put", "delete")),
        *((m, "/api/session/data/{key}") for m in ("get", "patch", "put", "delete")),
    }


def test_the_document_names_the_security_schemes(openapi: dict[str, Any]) -> None:
    schemes = openapi["components"]["securitySchemes"]
    assert schemes["BearerTicket"] == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert schemes["SessionTokenHeader"]["name"] == "X-Session-Token"
    assert schemes["SessionCookie"]["in"] == "cookie"
    me = openapi["paths"]["/api/auth/me"]["get"]
    assert {name for choice in me["security"] for name in choice} == set(schemes)
    assert "401" in me["responses"]
    assert "security" not in openapi["paths"]["/api/auth/login"]["post"]


def test_no_ticket_is_a_401_that_says_what_is_wanted(db: None) -> None:
    for path in ("/api/auth/me", "/api/sessions", "/api/session/data"):
        answer = Client().get(path)
        assert answer.status_code == 401
        assert answer.json()["detail"] == "Not authenticated"
        assert answer["WWW-Authenticate"].startswith("Bearer")
