"""`?next=` stays on this site, whatever is in it, on each page that takes one.

The login page is in test_signin.py, single sign-on in test_sso.py.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from tests.accounts.helpers import by_page
from tests.accounts.test_mfa import AUTHENTICATE, code_of, password_only, set_up
from tests.factories import PASSWORD

TARGETS = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "\x08//evil.example",
    "/%0d%0aSet-Cookie:a=b",
    "/\r\nSet-Cookie: a=b",
    "//[",
]
NEW = {"email": "new@example.com", "password1": "long enough 7", "password2": "long enough 7"}


def sign_up(target: str) -> Any:
    return Client().post("/accounts/signup/", NEW | {"username": "new", "next": target})


def sign_out(target: str) -> Any:
    return by_page("ada").post("/accounts/logout/", {"next": target})


def already_out(target: str) -> Any:
    return Client().get("/accounts/logout/", {"next": target})


def already_in(target: str) -> Any:
    return by_page("ada").get("/accounts/login/", {"next": target})


def confirm(target: str) -> Any:
    fields = {"password": PASSWORD, "next": target}
    return by_page("ada").post("/accounts/reauthenticate/", fields)


def with_a_code(target: str) -> Any:
    secret, _ = set_up(by_page("ada"))
    return password_only(next=target).post(AUTHENTICATE, {"code": code_of(secret)})


def to_the_admin(target: str) -> Any:
    login = Client().get("/admin/login/", {"next": target})
    assert login["Location"].startswith("/accounts/login/?next=")
    return Client().post(login["Location"], {"login": "ada", "password": PASSWORD})


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "way", [sign_up, sign_out, already_out, already_in, confirm, with_a_code, to_the_admin]
)
@override_settings(
    ALLOWED_HOSTS=["testserver", "evil.example"],
    CSRF_TRUSTED_ORIGINS=["https://evil.example"],
    ACCOUNTS_SIGNUP_OPEN=True,
)
def test_next_never_leads_away(ada: User, way: Any, target: str) -> None:
    response = way(target)
    assert response.status_code == 302
    assert re.fullmatch(r"/(?![/\\])[!-~]*", response["Location"]), response["Location"]
    assert "a=b" not in response.cookies


@pytest.mark.parametrize("way", [sign_up, sign_out, confirm, with_a_code, to_the_admin])
@override_settings(ACCOUNTS_SIGNUP_OPEN=True)
def test_next_leads_where_one_wanted_to_go(ada: User, way: Any) -> None:
    assert way("/accounts/sessions/?a=1&b=2")["Location"] == "/accounts/sessions/?a=1&b=2"


def test_a_link_with_a_bad_next_shows_it_nowhere(ada: User) -> None:
    for target in TARGETS:
        for path in ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"):
            page = Client().get(path, {"next": target}).content.decode()
            assert not re.search(r"""(href|action)=["'](?!/|\#|http)""", page)
            assert not re.search(r"""(href|action)=["'](//|/\\|https?:/?/?evil)""", page)
