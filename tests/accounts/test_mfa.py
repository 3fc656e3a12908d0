"""The second factor: setting it up, signing in with it everywhere, losing the phone."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client, override_settings

from accounts.problems import CODE_REQUIRED
from tests.accounts.helpers import (
    LOGIN,
    ME,
    by_api,
    by_page,
    claims_of,
    confirmed,
    cookie_of,
    status,
)
from tests.factories import PASSWORD, UserFactory

SETTINGS = "/accounts/two-factor/"
ACTIVATE = f"{SETTINGS}totp/activate/"
AUTHENTICATE = f"{SETTINGS}authenticate/"
CODES = f"{SETTINGS}recovery-codes/"
REAUTHENTICATE = "/accounts/reauthenticate/"


def code_of(secret: str) -> str:
    """What the app shows now. A code is good once; each test wants one anew."""
    cache.clear()
    counter = int(time.time()) // 30
    return totp.format_hotp_value(totp.hotp_value(secret, counter))


def set_up(client: Client) -> tuple[str, list[str]]:
    """Switches it on for who is signed in: the secret and the recovery codes."""
    confirmed(client)
    page = client.get(ACTIVATE).content.decode()
    found = re.search(r'id="totp-secret">([A-Z2-7]+)<', page)
    assert found
    done = client.post(ACTIVATE, {"code": code_of(found[1])})
    assert done["Location"] == CODES
    shown = client.get(CODES).content.decode()
    return found[1], re.findall(r"<li><code>(\d{8})</code></li>", shown)


@pytest.fixture
def protected(ada: User) -> tuple[str, list[str]]:
    return set_up(by_page("ada"))


def password_only(**fields: Any) -> Client:
    client = Client()
    answer = client.post(LOGIN, {"login": "ada", "password": PASSWORD} | fields)
    assert answer["Location"] == AUTHENTICATE
    return client


def test_it_is_set_up_with_a_picture_or_by_hand(ada: User) -> None:
    client = by_page("ada")
    assert b"Set up" in client.get(SETTINGS).content
    confirmed(client)
    page = client.get(ACTIVATE).content.decode()
    assert "<svg" in page
    assert "data:" not in page
    wrong = client.post(ACTIVATE, {"code": "000000"}).content.decode()
    assert "The code is not right" in wrong
    assert not Authenticator.objects.exists()
    _, codes = set_up(client)
    assert len(set(codes)) == 10
    assert b"10 of 10 left" in client.get(SETTINGS).content


def test_the_secrets_are_not_in_the_database(protected: tuple[str, list[str]]) -> None:
    secret, codes = protected
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in stored
    assert not [code for code in codes if code in stored]


def test_a_password_alone_signs_nobody_in(protected: tuple[str, list[str]]) -> None:
    client = password_only()
    assert status(client=client) == 401
    assert client.get("/accounts/sessions/").status_code == 302
    assert "0123456" not in client.get(AUTHENTICATE).content.decode()
    for code in ("", "000000", "abcdef", "\u0661" * 6, "0" * 5000):
        answer = client.post(AUTHENTICATE, {"code": code})
        assert answer.status_code == 200
        assert status(client=client) == 401
    # Nor does one get at what needs a signed-in user by another door.
    assert client.post(REAUTHENTICATE, {"password": PASSWORD}).status_code == 302
    assert status(client=client) == 401


def test_with_the_code_one_is_in_and_where_one_wanted_to_go(
    protected: tuple[str, list[str]],
) -> None:
    client = password_only(next="/accounts/sessions/")
    done = client.post(AUTHENTICATE, {"code": code_of(protected[0])})
    assert done["Location"] == "/accounts/sessions/"
    assert client.get(ME).json()["user"]["username"] == "ada"


def test_a_code_is_good_once(protected: tuple[str, list[str]]) -> None:
    code = code_of(protected[0])
    assert password_only().post(AUTHENTICATE, {"code": code}).status_code == 302
    replay = password_only().post(AUTHENTICATE, {"code": code})
    assert "used already" in replay.content.decode()


def test_a_recovery_code_is_good_once(protected: tuple[str, list[str]]) -> None:
    code = protected[1][3]
    client = password_only()
    assert client.post(AUTHENTICATE, {"code": code}).status_code == 302
    assert b"9 of 10 left" in client.get(SETTINGS).content
    assert password_only().post(AUTHENTICATE, {"code": code}).status_code == 200


def test_guessing_codes_is_limited(protected: tuple[str, list[str]]) -> None:
    client, code = password_only(), code_of(protected[0])
    for _ in range(5):
        client.post(AUTHENTICATE, {"code": "000000"})
    answer = client.post(AUTHENTICATE, {"code": code})
    assert "Too many failed" in answer.content.decode()
    # Also from another browser: the count is the account's.
    assert password_only().post(AUTHENTICATE, {"code": code}).status_code == 200


def test_the_session_before_the_code_is_not_the_one_after(
    protected: tuple[str, list[str]], bob: User
) -> None:
    client = password_only()
    halfway = cookie_of(client)
    assert "sub" not in claims_of(halfway)
    client.post(AUTHENTICATE, {"code": code_of(protected[0])})
    assert claims_of(cookie_of(client))["sid"] != claims_of(halfway)["sid"]
    attacker = Client()
    attacker.cookies["session"] = halfway
    assert status(client=attacker) == 401
    assert attacker.get(AUTHENTICATE)["Location"] == LOGIN


def test_one_may_turn_back_halfway(protected: tuple[str, list[str]]) -> None:
    client = password_only()
    client.post("/accounts/logout/", {"next": LOGIN})
    assert client.get(AUTHENTICATE)["Location"] == LOGIN


@pytest.mark.parametrize("which", ["code", "recovery code"])
def test_the_api_takes_the_code_with_the_password(
    protected: tuple[str, list[str]], which: str
) -> None:
    body = {"username": "ada", "password": PASSWORD}

    def post(**more: str) -> Any:
        return Client().post("/api/auth/login", body | more, content_type="application/json")

    missing = post()
    assert missing.status_code == 401
    assert missing.json()["type"] == CODE_REQUIRED
    wrong = post(code="000000")
    assert wrong.status_code == 401
    assert wrong.json()["type"] == CODE_REQUIRED
    assert "access" not in wrong.json()
    assert not wrong.cookies
    # Without the password a code says nothing, not even that it is asked for.
    refused = post(password="wrong", code=protected[1][0])
    assert refused.json()["detail"] == "The user name or the password is not right."
    code = code_of(protected[0]) if which == "code" else protected[1][0]
    answer = by_api("ada", code=code)
    assert status(answer["access"]) == 200
    assert post(code=code).status_code == 401


def test_the_api_limits_codes_as_the_page_does(protected: tuple[str, list[str]]) -> None:
    code = code_of(protected[0])
    client = password_only()
    for _ in range(5):
        client.post(AUTHENTICATE, {"code": "000000"})
    body = {"username": "ada", "password": PASSWORD, "code": code}
    answer = Client().post("/api/auth/login", body, content_type="application/json")
    assert answer.status_code == 429


def test_the_admin_asks_for_the_code_too(ada: User, protected: tuple[str, list[str]]) -> None:
    User.objects.filter(pk=ada.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    login = client.get("/admin/login/?next=/admin/")
    assert login["Location"] == "/accounts/login/?next=%2Fadmin%2F"
    posted = client.post("/admin/login/?next=/admin/", {"username": "ada", "password": PASSWORD})
    assert posted.status_code == 302
    assert status(client=client) == 401
    assert client.get("/admin/").status_code == 302


def test_new_recovery_codes_end_the_old(protected: tuple[str, list[str]]) -> None:
    client = password_only()
    client.post(AUTHENTICATE, {"code": code_of(protected[0])})
    assert client.post(f"{CODES}generate/").status_code == 302  # asks who it is
    confirmed(client)
    assert client.post(f"{CODES}generate/")["Location"] == CODES
    download = client.get(f"{CODES}download/")
    assert download["Content-Disposition"].startswith("attachment")
    assert "no-store" in download["Cache-Control"]
    fresh = re.findall(r"\d{8}", download.content.decode())
    assert len(fresh) == 10
    assert not set(fresh) & set(protected[1])
    assert password_only().post(AUTHENTICATE, {"code": protected[1][0]}).status_code == 200
    assert password_only().post(AUTHENTICATE, {"code": fresh[0]}).status_code == 302


def test_it_can_be_switched_off(protected: tuple[str, list[str]]) -> None:
    client = password_only()
    client.post(AUTHENTICATE, {"code": code_of(protected[0])})
    off = f"{SETTINGS}totp/deactivate/"
    assert client.get(off)["Location"].startswith(REAUTHENTICATE)
    confirmed(client)
    assert b"Switch off" in client.get(off).content
    assert client.post(off)["Location"] == SETTINGS
    assert not Authenticator.objects.exists()
    by_api("ada")


def test_a_code_confirms_a_change_as_well(protected: tuple[str, list[str]]) -> None:
    client = password_only()
    client.post(AUTHENTICATE, {"code": code_of(protected[0])})
    page = client.get(f"{REAUTHENTICATE}?next={CODES}").content.decode()
    other = f"{SETTINGS}reauthenticate/"
    assert f"{other}?next=" in page
    wrong = client.post(other, {"code": "000000", "next": CODES})
    assert "The code is not right" in wrong.content.decode()
    done = client.post(other, {"code": code_of(protected[0]), "next": CODES})
    assert done["Location"] == CODES
    assert client.get(CODES).status_code == 200


def test_a_secret_of_a_former_key_is_still_read(protected: tuple[str, list[str]]) -> None:
    from django.conf import settings

    old = settings.SECRET_KEY
    new = {"SECRET_KEY": "another" * 10}
    with override_settings(**new, SECRET_KEY_FALLBACKS=[old]):
        client = password_only()
        assert client.post(AUTHENTICATE, {"code": code_of(protected[0])}).status_code == 302
    with override_settings(**new, SECRET_KEY_FALLBACKS=[]):
        answer = password_only().post(AUTHENTICATE, {"code": code_of(protected[0])})
        assert "The code is not right" in answer.content.decode()


def test_an_unconfirmed_address_comes_first(db: None) -> None:
    """Or somebody could lock the owner of the address out of it."""
    from allauth.account.models import EmailAddress

    eve = UserFactory(username="eve")
    EmailAddress.objects.create(user=eve, email="owner@example.com", verified=False)
    client = by_page("eve")
    confirmed(client)
    answer = client.get(ACTIVATE, follow=True).content.decode()
    assert "Confirm your e-mail address first." in answer


def test_an_administrator_helps_who_lost_the_phone(protected: tuple[str, list[str]]) -> None:
    UserFactory(username="root", is_staff=True, is_superuser=True)
    root = by_page("root")
    base = "/admin/mfa/authenticator/"
    kept = Authenticator.objects.get(type="totp")
    for path in (base, f"{base}{kept.pk}/change/"):
        page = root.get(path).content.decode()
        assert "ada" in page
        assert kept.data["secret"] not in page
    assert root.get(f"{base}add/").status_code == 403
    chosen = [one.pk for one in Authenticator.objects.all()]
    fields = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    assert root.post(base, fields).status_code == 302
    by_api("ada")
