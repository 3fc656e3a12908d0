"""A change that would let somebody stay in asks for the password first."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.account.internal.flows import reauthentication
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from accounts.models import ApiKey
from tests.accounts.helpers import by_page, confirmed
from tests.factories import PASSWORD

HERE = "/accounts/reauthenticate/"
KEY = {"name": "nightly", "apps": "", "access": "read", "days": "30"}
CHANGES: list[tuple[str, dict[str, str]]] = [
    ("/accounts/keys/", KEY),
    ("/accounts/email/", {"email": "new@example.com", "action_add": ""}),
    ("/accounts/email/", {"email": "old@example.com", "action_remove": ""}),
    ("/accounts/email/", {"email": "old@example.com", "action_primary": ""}),
    ("/accounts/two-factor/totp/activate/", {"code": "000000"}),
]


def state_of(user: User) -> Any:
    addresses = EmailAddress.objects.filter(user=user).order_by("email")
    return [
        list(addresses.values_list("email", "primary")),
        list(ApiKey.objects.values_list("name")),
    ]


@pytest.fixture
def old_address(ada: User) -> EmailAddress:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    return EmailAddress.objects.create(user=ada, email="old@example.com", verified=True)


@pytest.mark.parametrize(("path", "fields"), CHANGES)
def test_a_change_waits_for_the_password_and_then_goes_on(
    ada: User, old_address: EmailAddress, path: str, fields: dict[str, str]
) -> None:
    browser, before = by_page("ada"), state_of(ada)
    asked = browser.post(path, fields)
    assert asked["Location"].startswith(f"{HERE}?next=")
    assert state_of(ada) == before
    page = browser.get(asked["Location"]).content.decode()
    assert "Is it you?" in page
    wrong = browser.post(HERE, {"password": "wrong", "next": path})
    assert 'role="alert"' in wrong.content.decode() or "errorlist" in wrong.content.decode()
    assert state_of(ada) == before
    browser.post(HERE, {"password": PASSWORD, "next": path})
    if "totp" not in path:  # where the code was wrong
        assert state_of(ada) != before


def test_the_key_is_shown_when_the_password_was_given(ada: User) -> None:
    browser = by_page("ada")
    browser.post("/accounts/keys/", KEY)
    answer = browser.post(HERE, {"password": PASSWORD, "next": "/accounts/keys/"})
    assert "gsk_" in answer.content.decode()
    assert ApiKey.objects.get().name == "nightly"


def test_the_answer_is_good_for_a_while(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = confirmed(by_page("ada"))
    start = time.time()
    for seconds, status in ((0, 200), (270, 200), (330, 302)):
        later = SimpleNamespace(time=lambda moment=start + seconds: moment)
        monkeypatch.setattr(reauthentication, "time", later)
        assert browser.post("/accounts/keys/", KEY).status_code == status


def test_it_is_good_for_this_session_only(ada: User) -> None:
    confirmed(by_page("ada"))
    assert by_page("ada").post("/accounts/keys/", KEY).status_code == 302
    assert not ApiKey.objects.exists()


def test_guessing_is_limited(ada: User) -> None:
    browser = by_page("ada")
    statuses = [browser.post(HERE, {"password": "wrong"}).status_code for _ in range(12)]
    assert statuses[-1] == 429
    answer = browser.post(HERE, {"password": PASSWORD, "next": "/"})
    assert answer.status_code == 429
    assert b"Too many attempts" in answer.content


def test_a_new_password_takes_the_current_one(ada: User) -> None:
    browser = by_page("ada")
    new = {"password1": "brand new secret", "password2": "brand new secret"}
    answer = browser.post("/accounts/password/change/", new | {"oldpassword": "wrong"})
    assert "errorlist" in answer.content.decode()
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


def test_one_does_not_confirm_for_somebody_else(ada: User, bob: User) -> None:
    browser = by_page("bob")
    bob.set_password("bobs own secret")
    bob.save()
    browser = by_page("bob", Client(), password="bobs own secret")
    answer = browser.post(HERE, {"password": PASSWORD, "next": "/"})
    assert answer.status_code == 200
    assert browser.post("/accounts/keys/", KEY).status_code == 302


def test_a_new_address_is_confirmed_by_its_owner(ada: User) -> None:
    browser = confirmed(by_page("ada"))
    browser.post("/accounts/email/", {"email": "new@example.com", "action_add": ""})
    assert mail.outbox[-1].to == ["new@example.com"]
    link = next(word for word in str(mail.outbox[-1].body).split() if "confirm-email" in word)
    path = link.removeprefix("http://testserver")
    visitor = Client()
    page = visitor.get(path).content.decode()
    assert "new@example.com" in page
    assert not EmailAddress.objects.filter(email="new@example.com", verified=True).exists()
    assert visitor.post(path).status_code == 302
    assert EmailAddress.objects.get(email="new@example.com").verified
    for bad in (path, "/accounts/confirm-email/nonsense:x:y/"):
        answer = visitor.get(bad)
        assert answer.status_code < 500
        assert "no longer good" in answer.content.decode() or bad == path
