"""The mails that accounts send, and what phones are told of the fields that lead to them."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client, override_settings

from tests.accounts.helpers import by_page, confirmed

SIGN_UP = {"username": "o.neil", "email": "new@example.com"}
PASSWORDS = {"password1": "long enough 7", "password2": "long enough 7"}


def sent() -> tuple[str, str]:
    message = mail.outbox[-1]
    text = str(message.body)
    assert not re.search(r"&#|&lt;|{{|{%|example\.com!", text), text
    assert text.count("http://testserver/") <= 1
    return message.subject, text


def test_a_forgotten_password(ada: User) -> None:
    Client().post("/accounts/password/reset/", {"email": "ada@example.com"})
    subject, text = sent()
    assert subject == "Set a new password"
    assert "account ada" in text
    assert "/accounts/password/reset/key/" in text


@pytest.mark.parametrize("is_open", [True, False])
def test_an_address_that_nobody_has(db: None, is_open: bool) -> None:
    with override_settings(ACCOUNTS_SIGNUP_OPEN=is_open):
        Client().post("/accounts/password/reset/", {"email": "nobody@example.com"})
    subject, text = sent()
    assert subject == "There is no account with this address"
    assert ("/accounts/signup/" in text) is is_open


@override_settings(ACCOUNTS_SIGNUP_OPEN=True)
def test_a_new_account(db: None) -> None:
    Client().post("/accounts/signup/", SIGN_UP | PASSWORDS)
    subject, text = sent()
    assert subject == "Confirm your e-mail address"
    assert "account o.neil on testserver" in text
    assert "/accounts/confirm-email/" in text


@override_settings(ACCOUNTS_SIGNUP_OPEN=True, ACCOUNT_EMAIL_VERIFICATION="mandatory")
def test_an_address_that_is_known(ada: User) -> None:
    form = {"username": "new", "email": "ada@example.com"} | PASSWORDS
    answer = Client().post("/accounts/signup/", form)
    assert answer["Location"] == "/accounts/confirm-email/"
    subject, text = sent()
    assert subject == "You have an account already"
    assert "/accounts/password/reset/" in text


def field(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert found, name
    return found[0]


@override_settings(ACCOUNTS_SIGNUP_OPEN=True)
def test_phones_and_password_managers_know_the_fields(ada: User) -> None:
    login = Client().get("/accounts/login/").content.decode()
    assert 'autocomplete="username"' in field(login, "login")
    assert 'autocapitalize="none"' in field(login, "login")
    assert 'autocomplete="current-password"' in field(login, "password")
    signup = Client().get("/accounts/signup/").content.decode()
    assert 'autocomplete="username"' in field(signup, "username")
    assert 'type="email"' in field(signup, "email")
    assert 'autocomplete="email"' in field(signup, "email")
    for name in ("password1", "password2"):
        assert 'autocomplete="new-password"' in field(signup, name)
        assert "placeholder" not in field(signup, name)
    browser = confirmed(by_page("ada"))
    change = browser.get("/accounts/password/change/").content.decode()
    assert 'autocomplete="current-password"' in field(change, "oldpassword")
    assert 'autocomplete="new-password"' in field(change, "password1")
    code = browser.get("/accounts/two-factor/totp/activate/").content.decode()
    assert 'autocomplete="one-time-code"' in field(code, "code")
    assert 'inputmode="numeric"' in field(code, "code")
    reset = Client().get("/accounts/password/reset/").content.decode()
    assert 'type="email"' in field(reset, "email")
