"""Signing in, on the page and by the API: one rule, one message, one count of attempts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import hashers
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client, override_settings

from tests.accounts.helpers import (
    LOGIN,
    ME,
    SAME_ORIGIN,
    bearer,
    by_api,
    by_page,
    claims_of,
    cookie_of,
    status,
)
from tests.factories import PASSWORD, UserFactory

COOKIE = settings.SESSION_COOKIE_NAME
API = "/api/auth/login"


def post(path: str, body: Any, **kwargs: Any) -> Any:
    return Client().post(path, body, content_type="application/json", **kwargs)


@pytest.mark.parametrize("login", ["ada", "ADA", " ada ", "ada@example.com", "Ada@Example.com"])
def test_by_user_name_or_e_mail(ada: User, login: str) -> None:
    assert by_api(login)["user"]["username"] == "ada"
    assert by_page(login).get(ME).json()["user"]["username"] == "ada"


def test_the_answer_has_what_the_clients_need(ada: User) -> None:
    client = Client()
    answer = by_api("ada", client)
    assert answer.keys() == {"access", "refresh", "session_id", "expires_in", "user"}
    assert answer["user"] == {
        "id": ada.pk,
        "username": "ada",
        "name": "",
        "email": "ada@example.com",
        "groups": ["analysts"],
        "is_staff": False,
        "is_superuser": False,
    }
    assert claims_of(cookie_of(client))["sid"] == answer["session_id"]
    me = client.get(ME).json()
    assert me["session_id"] == answer["session_id"]
    assert me["groups"] == ["analysts"]
    assert me["created"] < me["expires"]


@pytest.fixture
def failures(ada: User) -> list[tuple[str, str]]:
    UserFactory(username="gone", is_active=False)
    nopass = UserFactory(username="nopass")
    nopass.set_unusable_password()
    nopass.save()
    return [
        ("ada", "wrong"),
        ("ada@example.com", "wrong"),
        ("nobody", PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("gone", PASSWORD),
        ("gone", "wrong"),
        ("nopass", PASSWORD),
        ("ada\u0000", PASSWORD),
    ]


def test_the_api_has_one_answer_for_every_failure(failures: list[tuple[str, str]]) -> None:
    answers = set()
    for username, password in failures[:-1]:
        response = post(API, {"username": username, "password": password})
        assert COOKIE not in response.cookies
        answers.add((response.status_code, response.content, response.get("WWW-Authenticate")))
    assert len(answers) == 1
    assert answers.pop()[0] == 401


def test_the_page_has_one_message_for_every_failure(failures: list[tuple[str, str]]) -> None:
    messages = set()
    for username, password in failures[:-1]:
        response = Client().post(LOGIN, {"login": username, "password": password})
        assert response.status_code == 200, "not the page that says the user is disabled"
        found = re.findall(r'role="alert">([^<]+)<', response.content.decode())
        messages.add((tuple(found), username in response.content.decode()))
    assert messages == {(("The user name or the password is not right.",), True)}


def work(monkeypatch: pytest.MonkeyPatch, sign_in: Any, username: str) -> list[str]:
    """What sign-in spends its time on: how often, and how hard, passwords were hashed."""
    done: list[str] = []
    argon2 = hashers.Argon2PasswordHasher
    encode, verify = argon2.encode, argon2.verify

    def counting(original: Any) -> Any:
        def call(self: Any, *args: Any) -> Any:
            done.append(f"t={self.time_cost} m={self.memory_cost} p={self.parallelism}")
            return original(self, *args)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(argon2, "encode", counting(encode))
        patch.setattr(argon2, "verify", counting(verify))
        sign_in(username)
    return done


@pytest.mark.parametrize(
    "sign_in",
    [
        lambda name: post(API, {"username": name, "password": "wrong"}),
        lambda name: Client().post(LOGIN, {"login": name, "password": "wrong"}),
    ],
    ids=["api", "page"],
)
def test_every_failure_takes_the_same_work(
    failures: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, sign_in: Any
) -> None:
    names = {username for username, _ in failures[:-1]}
    done = {username: work(monkeypatch, sign_in, username) for username in names}
    assert set(map(len, done.values())) == {1}, done
    assert len({tuple(each) for each in done.values()}) == 1, done


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"username": "ada"}',
        b'{"username": 1, "password": 2}',
        b'{"username": {}, "password": []}',
        b'{"username": "ada\\u0000", "password": "x"}',
        b'{"username": "\\ud800", "password": "\\ud800"}',
        b'{"username": "' + b"a" * 300 + b'", "password": "x"}',
        b'{"username": "a", "password": "' + b"x" * 5000 + b'"}',
        b'{"username": NaN, "password": Infinity}',
    ],
)
@pytest.mark.parametrize("path", [API, "/api/auth/refresh", "/api/auth/register"])
def test_nonsense_is_refused_as_a_problem(db: None, path: str, body: bytes) -> None:
    response = Client(raise_request_exception=False).post(
        path, body, content_type="application/json"
    )
    assert 400 <= response.status_code < 500
    assert response["Content-Type"] == "application/problem+json"
    assert response.json().keys() == {"type", "title", "status", "detail"}
    assert b"xxxx" not in response.content  # what was sent may be a password


# Fixation: what the browser had before it signed in is worth nothing afterwards.


@pytest.mark.parametrize("sign_in", [by_page, by_api])
def test_signing_in_gives_the_session_a_new_id(ada: User, bob: User, sign_in: Any) -> None:
    planted = cookie_of(by_page("bob"))
    browser = Client()
    browser.cookies[COOKIE] = planted
    browser.post("/accounts/logout/") if sign_in is by_page else None
    sign_in("ada", browser)
    assert claims_of(cookie_of(browser))["sid"] != claims_of(planted)["sid"]
    assert browser.get(ME).json()["user"]["username"] == "ada"
    victim = Client()
    victim.cookies[COOKIE] = planted
    assert victim.get(ME).status_code == 401


def test_a_visitors_session_gets_a_new_id_and_keeps_its_data(ada: User) -> None:
    from sessionstate.engine import SessionStore
    from sessionstate.tickets import get_scheme

    visitor = SessionStore()
    visitor["cart"] = ["book"]
    visitor.save()
    cookie = get_scheme().cookie(visitor)
    assert cookie
    browser = Client()
    browser.cookies[COOKIE] = planted = cookie["value"]
    assert "sub" not in claims_of(planted)
    by_page("ada", browser)
    assert claims_of(cookie_of(browser))["sid"] != claims_of(planted)["sid"]
    assert browser.get("/api/session/data").json() == {"cart": ["book"]}
    attacker = Client()
    attacker.cookies[COOKIE] = planted
    assert attacker.get("/api/session/data").status_code == 401
    assert not SessionStore(visitor.session_key).exists(visitor.session_key)


# Where one goes afterwards.


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https://evil.example/",
        "http://testserver.evil.example/",
        "http://testserver@evil.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "\x08//evil.example",
        " //evil.example",
        "/%0d%0aSet-Cookie: a=b",
        "/\r\nSet-Cookie: a=b",
        "//[",
        "",
    ],
)
@override_settings(
    ALLOWED_HOSTS=["testserver", "evil.example"], CSRF_TRUSTED_ORIGINS=["https://evil.example"]
)
def test_next_never_leads_away(ada: User, target: str) -> None:
    response = Client().post(LOGIN, {"login": "ada", "password": PASSWORD, "next": target})
    assert response.status_code == 302
    location = response["Location"]
    assert re.fullmatch(r"/(?![/\\])[!-~]*", location), location
    assert "a=b" not in response.cookies


def test_next_leads_back_to_the_page_one_came_from(ada: User) -> None:
    page = Client().get("/accounts/sessions/?a=1&b=2")
    assert page.status_code == 302
    client = Client()
    form = client.get(page["Location"])
    hidden = re.search(r'name="next" value="([^"]+)"', form.content.decode())
    assert hidden
    answer = client.post(
        LOGIN,
        {"login": "ada", "password": PASSWORD, "next": hidden[1].replace("&amp;", "&")},
    )
    assert answer["Location"] == "/accounts/sessions/?a=1&b=2"


# Attempts.


def test_page_and_api_share_one_count_of_attempts(ada: User) -> None:
    for n in range(5):
        if n % 2:
            Client().post(LOGIN, {"login": "ada", "password": "wrong"})
        else:
            # A host header with another port is not another count.
            host = {"Host": f"localhost:{8000 + n}"}
            assert post(API, {"username": "ADA ", "password": "x"}, headers=host).status_code == 401
    response = post(API, {"username": "ada", "password": PASSWORD})
    assert response.status_code == 429
    assert response.json()["status"] == 429
    assert 1 <= int(response["Retry-After"]) <= 300
    page = Client().post(LOGIN, {"login": "ada", "password": PASSWORD})
    assert page.status_code == 429
    assert "Too many attempts" in page.content.decode()
    assert 1 <= int(page["Retry-After"]) <= 300
    assert COOKIE not in page.cookies
    UserFactory(username="eve")
    by_api("eve")  # others are not locked out


def test_a_forged_client_address_does_not_help(ada: User) -> None:
    statuses = [
        post(
            API,
            {"username": f"user{n}", "password": "x"},
            headers={"X-Forwarded-For": f"10.0.0.{n}", "X-Real-IP": f"10.0.0.{n}"},
        ).status_code
        for n in range(11)
    ]
    assert statuses == [401] * 10 + [429]


def test_success_does_not_use_up_attempts(ada: User) -> None:
    for _ in range(8):
        by_api("ada")


# Login CSRF: no other site may sign its reader in as somebody else.


@pytest.mark.parametrize("origin", ["https://evil.example", "http://evil.testserver", "null", ""])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
@pytest.mark.parametrize("path", [API, "/api/auth/register"])
def test_no_other_site_can_sign_in(ada: User, origin: str, content_type: str, path: str) -> None:
    body = f'{{"username": "ada", "password": "{PASSWORD}"}}'
    response = Client().post(path, body, content_type=content_type, headers={"Origin": origin})
    # A form of another site's can send text/plain; the API reads none.
    assert response.status_code == (403 if content_type == "application/json" else 415)
    assert COOKIE not in response.cookies


def test_own_pages_and_programs_can_sign_in(ada: User) -> None:
    body = {"username": "ada", "password": PASSWORD}
    assert post(API, body, headers=SAME_ORIGIN).status_code == 200
    assert post(API, body).status_code == 200


def test_the_page_demands_its_own_form(ada: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post(LOGIN, {"login": "ada", "password": PASSWORD})
    assert response.status_code == 403
    assert COOKIE not in response.cookies
    assert b"This form has expired" in response.content


# Sign-up and reset.


def test_sign_up_is_closed_unless_a_setting_opens_it(db: None) -> None:
    body = {"username": "new", "password": "long enough 7", "email": "new@example.com"}
    assert post("/api/auth/register", body).status_code == 403
    page = Client().get("/accounts/signup/")
    assert b"Sign-up is closed" in page.content
    assert b"Create an account" not in Client().get(LOGIN).content
    with override_settings(ACCOUNTS_SIGNUP_OPEN=True):
        assert b"Create an account" in Client().get(LOGIN).content
        created = post("/api/auth/register", body)
    assert created.status_code == 201
    assert created.json() == {"username": "new"}
    assert COOKIE not in created.cookies
    answer = post(API, {"username": "new", "password": "long enough 7"})
    assert answer.json()["user"]["email"] == "new@example.com"


@override_settings(ACCOUNTS_SIGNUP_OPEN=True)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"password": "short"}, "too short"),
        ({"password": "12345678901"}, "numeric"),
        ({"username": "ada"}, "already exists"),
        ({"email": "nonsense"}, "valid email"),
    ],
)
def test_a_bad_registration_says_what_is_wrong(
    ada: User, change: dict[str, str], reason: str
) -> None:
    body = {"username": "new", "password": "long enough 7", "email": "new@example.com"}
    response = post("/api/auth/register", body | change)
    assert response.status_code == 422
    assert reason in response.json()["detail"]
    assert not User.objects.filter(username="new").exists()


@override_settings(ACCOUNTS_SIGNUP_OPEN=True, ACCOUNT_EMAIL_VERIFICATION="mandatory")
def test_registering_does_not_tell_whose_address_is_known(ada: User) -> None:
    body = {"username": "new", "password": "long enough 7", "email": "ada@example.com"}
    response = post("/api/auth/register", body)
    assert (response.status_code, response.json()) == (201, {"username": "new"})
    assert not User.objects.filter(username="new").exists()
    assert len(mail.outbox) == 1
    assert mail.outbox[0].to == ["ada@example.com"]


@override_settings(ACCOUNT_EMAIL_VERIFICATION="mandatory")
def test_the_api_does_not_skip_a_step_of_the_page(ada: User) -> None:
    response = post(API, {"username": "ada", "password": PASSWORD})
    assert response.status_code == 403
    assert COOKIE not in response.cookies
    assert "access" not in response.json()
    # With the wrong password nothing is said of the step.
    assert post(API, {"username": "ada", "password": "wrong"}).status_code == 401


@override_settings(ACCOUNTS_SIGNUP_OPEN=True)
def test_signing_up_on_the_page_signs_in(db: None) -> None:
    client = Client()
    form = {"username": "new", "email": "new@example.com"}
    answer = client.post(
        "/accounts/signup/", form | {"password1": "long enough 7", "password2": "long enough 7"}
    )
    assert answer.status_code == 302
    assert client.get(ME).json()["user"]["username"] == "new"


def test_a_reset_link_sets_a_new_password_and_ends_all_sessions(ada: User) -> None:
    tokens = by_api("ada")
    client = Client()
    client.post("/accounts/password/reset/", {"email": "ada@example.com"})
    link = re.search(r"http://testserver(/\S+)", str(mail.outbox[0].body))
    assert link
    form = client.get(link[1])
    new = {"password1": "brand new secret", "password2": "brand new secret"}
    assert client.post(form["Location"], new).status_code == 302
    assert status(tokens["access"]) == 401
    by_api("ada", password="brand new secret")
    again = Client().get(link[1])
    assert b"no longer good" in again.content


def test_asking_for_a_reset_does_not_tell_whose_address_is_known(ada: User) -> None:
    answers = {
        (response.status_code, response["Location"])
        for email in ("ada@example.com", "nobody@example.com")
        for response in [Client().post("/accounts/password/reset/", {"email": email})]
    }
    assert len(answers) == 1


def test_the_demo_password_shows_on_the_login_page_in_debug_only(db: None) -> None:
    with override_settings(DEBUG=True, DEMO_USERS=True):
        assert b"gradio-demo" in Client().get(LOGIN).content
    for off in ({"DEBUG": False, "DEMO_USERS": True}, {"DEBUG": True, "DEMO_USERS": False}):
        with override_settings(**off):
            assert b"gradio-demo" not in Client().get(LOGIN).content


def test_a_signed_in_program_may_sign_in_as_somebody_else(ada: User, bob: User) -> None:
    first = by_api("ada")
    answer = post(
        API, {"username": "bob", "password": PASSWORD}, headers=bearer(first["access"])
    ).json()
    assert answer["session_id"] != first["session_id"]
    assert status(answer["access"]) == 200
