"""Single sign-on with a provider that is really there, and with some that one must not believe."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from allauth.account.internal.flows import login as login_flow
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, User
from django.core import mail
from django.test import Client, override_settings

from accounts import signin
from accounts.models import AuditEvent
from sessionstate import logins
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
from tests.accounts.test_mfa import AUTHENTICATE, code_of, set_up
from tests.factories import GroupFactory, UserFactory
from tests.oidc_provider import Provider, asked_with, without

BEGIN = "/accounts/oidc/sso/login/"
CALLBACK = "/accounts/oidc/sso/login/callback/"
CONNECTIONS = "/accounts/connections/"
SITE = "http://testserver"
NEXT_TO_NOWHERE = [
    "//evil.example",
    "/\\evil.example",
    "https:evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "/%0d%0aSet-Cookie:a=b",
    "/\r\nSet-Cookie: a=b",
]


@contextmanager
def offered(provider: Provider, **options: Any) -> Iterator[None]:
    with override_settings(SOCIALACCOUNT_PROVIDERS=provider.settings(**options)):
        yield


@pytest.fixture
def provider(oidc_provider: Provider, db: None) -> Iterator[Provider]:
    oidc_provider.knows(
        "carol",
        email="carol@example.com",
        email_verified=True,
        preferred_username="carol",
        name="Carol Carter",
        groups=["analysts", "/admins", "nobody-here", 7],
    )
    with offered(oidc_provider, signup=True):
        yield oidc_provider


def begin(client: Client, **fields: str) -> str:
    answer = client.post(BEGIN, fields)
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def come_back(client: Client, address: str) -> Any:
    assert address.startswith(SITE + CALLBACK), address
    return client.get(address.removeprefix(SITE))


def by_sso(provider: Provider, sub: str, client: Client | None = None, **fields: str) -> Client:
    client = client or Client()
    answer = come_back(client, provider.signs_in(begin(client, **fields), sub))
    assert answer.status_code == 302, answer.content.decode()
    return client


def failed(answer: Any) -> bool:
    """A page that says so, and nobody is signed in."""
    text = answer.content.decode()
    return answer.status_code == 401 and "Single sign-on did not work" in text


# The way there and back.


def test_the_login_page_has_a_button_only_with_a_provider(provider: Provider) -> None:
    page = Client().get(LOGIN).content.decode()
    assert "Sign in with Example ID" in page
    with override_settings(SOCIALACCOUNT_PROVIDERS={}):
        assert "Example ID" not in Client().get(LOGIN).content.decode()
        assert Client().get(BEGIN).status_code == 404
        assert Client().get(CALLBACK).status_code == 404


def test_a_stranger_gets_an_account_and_is_known_the_next_time(provider: Provider) -> None:
    client = by_sso(provider, "carol")
    me = client.get(ME).json()["user"]
    assert (me["username"], me["name"]) == ("carol", "Carol Carter")
    assert (me["email"], me["groups"], me["is_staff"]) == ("carol@example.com", [], False)
    carol = User.objects.get(username="carol")
    assert not carol.has_usable_password()
    assert EmailAddress.objects.get(user=carol).verified
    assert by_sso(provider, "carol").get(ME).json()["user"]["id"] == me["id"]
    assert User.objects.count() == 1


def test_the_session_knows_the_browser(provider: Provider) -> None:
    client = Client(headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"})
    by_sso(provider, "carol", client)
    login = logins.for_user(User.objects.get().pk)[0]
    assert "Firefox" in login.user_agent
    assert login.ip == "127.0.0.1"
    assert "Firefox" in client.get("/accounts/sessions/").content.decode()


def test_without_leave_a_stranger_gets_no_account(provider: Provider) -> None:
    with offered(provider, signup=False):
        client = Client()
        answer = come_back(client, provider.signs_in(begin(client), "carol"))
        assert "Sign-up is closed" in answer.content.decode()
    assert status(client=client) == 401
    assert not User.objects.exists()


def test_to_begin_takes_a_form_of_this_site(provider: Provider) -> None:
    page = Client().get(BEGIN)
    assert page.status_code == 200
    assert "Sign in with Example ID" in page.content.decode()
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(BEGIN).status_code == 403


def test_one_comes_back_where_one_wanted_to_go(provider: Provider) -> None:
    client = Client()
    address = provider.signs_in(begin(client, next="/accounts/sessions/"), "carol")
    assert come_back(client, address)["Location"] == "/accounts/sessions/"


@pytest.mark.parametrize("target", NEXT_TO_NOWHERE)
@override_settings(ALLOWED_HOSTS=["testserver", "evil.example"])
def test_next_never_leads_away(provider: Provider, target: str) -> None:
    for process in ("login", "redirect", "anything"):
        client = Client()
        authorize = begin(client, next=target, process=process)
        answer = come_back(client, provider.signs_in(authorize, "carol"))
        assert answer.status_code == 302
        assert answer["Location"].startswith("/")
        assert answer["Location"][1:2] not in {"/", "\\"}
        assert "evil" not in answer["Location"]
        assert "a=b" not in answer.cookies


def test_who_changes_their_mind_reads_so(provider: Provider) -> None:
    client = Client()
    answer = come_back(client, provider.refuses(begin(client)))
    page = client.get(answer["Location"]).content.decode()
    assert "Signing in was cancelled" in page
    assert status(client=client) == 401


# State, nonce, PKCE, fixation.


def test_what_is_sent_along(provider: Provider) -> None:
    first, second = asked_with(begin(Client())), asked_with(begin(Client()))
    assert first["redirect_uri"] == SITE + CALLBACK
    assert first["response_type"] == "code"
    assert first["code_challenge_method"] == "S256"
    assert set(first["scope"].split()) == {"openid", "profile", "email"}
    for name, least in (("state", 16), ("nonce", 32), ("code_challenge", 43)):
        assert len(first[name]) >= least
        assert first[name] != second[name]
    widened = f"{BEGIN}?scope=admin&auth_params=nonce%3Dx%26prompt%3Dnone"
    asked = asked_with(Client().post(widened)["Location"])
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    assert asked["nonce"] != "x"
    assert "prompt" not in asked


def test_an_answer_that_was_not_asked_for_signs_nobody_in(provider: Provider) -> None:
    """Login CSRF: the attacker's answer in the victim's browser."""
    attackers = provider.signs_in(begin(Client()), "carol")
    for victim in (Client(), Client()):
        begin(victim)
        assert failed(come_back(victim, attackers))
        assert status(client=victim) == 401


@pytest.mark.parametrize(
    "change", [lambda a: without(a, "state"), lambda a: a.replace("state=", "state=x")]
)
def test_the_state_is_checked(provider: Provider, change: Any) -> None:
    client = Client()
    assert failed(come_back(client, change(provider.signs_in(begin(client), "carol"))))
    assert status(client=client) == 401


def test_an_answer_is_good_once(provider: Provider) -> None:
    client = Client()
    address = provider.signs_in(begin(client), "carol")
    assert come_back(client, address).status_code == 302
    client.post("/accounts/logout/")
    assert failed(come_back(client, address))
    assert status(client=client) == 401


@pytest.mark.parametrize("name", ["nonce", "code_challenge"])
def test_an_answer_to_another_question_is_refused(provider: Provider, name: str) -> None:
    client = Client()
    authorize = begin(client)
    other = asked_with(begin(Client()))
    value = asked_with(authorize)[name]
    changed = authorize.replace(f"{name}={value}", f"{name}={other[name]}")
    assert changed != authorize
    assert failed(come_back(client, provider.signs_in(changed, "carol")))
    assert status(client=client) == 401


def test_the_session_gets_a_new_id(provider: Provider) -> None:
    client = Client()
    address = provider.signs_in(begin(client), "carol")
    planted = cookie_of(client)
    assert come_back(client, address).status_code == 302
    assert claims_of(cookie_of(client))["sid"] != claims_of(planted)["sid"]
    attacker = Client()
    attacker.cookies["session"] = planted
    assert status(client=attacker) == 401


def test_signing_in_over_somebody_elses_session(provider: Provider, ada: User) -> None:
    client = by_page("ada")
    adas = cookie_of(client)
    by_sso(provider, "carol", client)
    assert client.get(ME).json()["user"]["username"] == "carol"
    other = Client()
    other.cookies["session"] = adas
    assert status(client=other) == 401


def test_the_second_factor_is_asked_for_here_too(provider: Provider) -> None:
    client = by_sso(provider, "carol")
    secret, _ = set_up_without_password(client)
    again = Client()
    answer = come_back(again, provider.signs_in(begin(again), "carol"))
    assert answer["Location"] == AUTHENTICATE
    assert status(client=again) == 401
    again.post(AUTHENTICATE, {"code": code_of(secret)})
    assert status(client=again) == 200


def set_up_without_password(client: Client) -> tuple[str, list[str]]:
    user = User.objects.get(pk=client.get(ME).json()["user"]["id"])
    user.set_password("correct horse battery")
    user.save()
    secret = set_up(by_page(user.username))
    user.set_unusable_password()
    user.save()
    return secret


def test_a_disabled_user_stays_out(provider: Provider) -> None:
    by_sso(provider, "carol")
    User.objects.update(is_active=False)
    client = Client()
    answer = come_back(client, provider.signs_in(begin(client), "carol"))
    assert "disabled" in client.get(answer["Location"]).content.decode()
    assert status(client=client) == 401


# Who is linked to whom.


def test_a_known_address_is_not_taken_over(provider: Provider) -> None:
    carla = UserFactory(username="carla", email="carol@example.com")
    client = by_sso(provider, "carol")
    assert status(client=client) == 401
    page = client.get(f"{CONNECTIONS}signup/")
    form = {"username": "carol", "email": "carol@example.com"}
    assert "Create an account" in page.content.decode()
    refused = client.post(f"{CONNECTIONS}signup/", form).content.decode()
    assert "An account already exists" in refused
    assert not SocialAccount.objects.exists()
    carla.refresh_from_db()
    assert carla.has_usable_password()


@pytest.mark.parametrize("verified", [True, "true", False, "false", None, 0])
def test_a_confirmed_address_links_where_the_site_says_so(
    provider: Provider, verified: Any
) -> None:
    carla = UserFactory(username="carla", email="carol@example.com")
    EmailAddress.objects.create(user=carla, email=carla.email, verified=True, primary=True)
    provider.knows("carol", email="carol@example.com", email_verified=verified)
    with offered(provider, signup=False, email_authentication=True):
        client = Client()
        come_back(client, provider.signs_in(begin(client), "carol"))
        trusted = str(verified).lower() == "true"
        assert status(client=client) == (200 if trusted else 401)
        assert SocialAccount.objects.filter(user=carla).exists() is trusted
    by_api("carla")  # and the password still works


def test_an_account_that_somebody_made_with_my_address_loses_its_password(
    provider: Provider,
) -> None:
    eve = UserFactory(username="eve", email="carol@example.com")
    EmailAddress.objects.create(user=eve, email=eve.email, verified=False, primary=True)
    eves = by_page("eve")
    with offered(provider, email_authentication=True):
        client = by_sso(provider, "carol")
    assert status(client=client) == 200
    assert status(client=eves) == 401
    eve.refresh_from_db()
    assert not eve.has_usable_password()


def test_one_connects_and_disconnects_after_showing_the_password(
    provider: Provider, ada: User, django_capture_on_commit_callbacks: Any
) -> None:
    client = by_page("ada")
    assert "Nothing is connected" in client.get(CONNECTIONS).content.decode()
    asked = come_back(client, provider.signs_in(begin(client, process="connect"), "carol"))
    assert asked["Location"] == "/accounts/reauthenticate/"
    assert not SocialAccount.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        done = client.post("/accounts/reauthenticate/", {"password": "correct horse battery"})
    assert done["Location"] == CONNECTIONS
    assert "carol" in client.get(CONNECTIONS).content.decode()
    assert by_sso(provider, "carol").get(ME).json()["user"]["username"] == "ada"
    account = SocialAccount.objects.get()
    other = by_page("ada")
    answer = other.post(CONNECTIONS, {"account": account.pk})
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert SocialAccount.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        confirmed(other).post(CONNECTIONS, {"account": account.pk})
    assert not SocialAccount.objects.exists()
    noted = AuditEvent.objects.filter(kind="connection_changed", username="ada")
    assert {event.details["how"] for event in noted} == {"added", "removed"}


def test_the_last_way_in_stays(provider: Provider) -> None:
    client = by_sso(provider, "carol")
    answer = client.post(CONNECTIONS, {"account": SocialAccount.objects.get().pk})
    assert "no password" in answer.content.decode()
    assert SocialAccount.objects.exists()


def test_who_has_no_password_may_set_one(provider: Provider) -> None:
    client = by_sso(provider, "carol")
    assert client.get("/accounts/password/change/")["Location"] == "/accounts/password/set/"
    new = {"password1": "brand new secret", "password2": "brand new secret"}
    assert client.post("/accounts/password/set/", new).status_code == 302
    by_api("carol", password="brand new secret")


AGAIN = "/accounts/oidc/again/"


@pytest.fixture
def later(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Carol's browser, ten minutes after she signed in."""
    client = by_sso(provider, "carol")
    moment = time.time() + 600
    for module in (signin, login_flow):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: moment))
    return client


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/accounts/keys/", {"name": "x", "access": "read", "days": "30"}),
        ("/accounts/email/", {"email": "new@example.com", "action_add": ""}),
        ("/accounts/password/set/", {"password1": "brand new 7", "password2": "brand new 7"}),
        ("/accounts/two-factor/totp/activate/", {"code": "000000"}),
    ],
)
def test_who_has_no_password_shows_at_the_provider_who_they_are(
    provider: Provider, later: Client, path: str, fields: dict[str, str]
) -> None:
    asked = later.post(path, fields)
    assert asked["Location"].startswith(AGAIN)
    page = later.get(asked["Location"]).content.decode()
    assert "Go on to Example ID" in page
    sent = later.post(AGAIN, {"next": path})["Location"]
    assert asked_with(sent)["prompt"] == "login"
    provider.knows("eve", email="eve@example.com")
    assert failed(come_back(later, provider.signs_in(sent, "eve")))
    assert later.post(path, fields)["Location"].startswith(AGAIN)
    back = come_back(later, provider.signs_in(begin_again(later, path), "carol"))
    assert back["Location"] == path
    assert later.get(ME).json()["user"]["username"] == "carol"
    done = later.post(path, fields)
    assert not done.get("Location", "").startswith(AGAIN)


def begin_again(client: Client, after: str) -> str:
    return str(client.post(AGAIN, {"next": after})["Location"])


def test_a_plain_visit_to_the_provider_is_not_enough(provider: Provider, later: Client) -> None:
    authorize = begin(later, process="redirect", next="/accounts/keys/")
    come_back(later, provider.signs_in(authorize, "carol"))
    key = {"name": "x", "access": "read", "days": "30"}
    assert later.post("/accounts/keys/", key)["Location"].startswith(AGAIN)


@pytest.mark.parametrize("target", NEXT_TO_NOWHERE)
def test_nor_does_it_lead_away_then(provider: Provider, later: Client, target: str) -> None:
    back = come_back(later, provider.signs_in(begin_again(later, target), "carol"))
    assert back["Location"][:1] == "/"
    assert "evil" not in back["Location"]


def test_without_the_provider_nobody_is_asked_to_go_there(later: Client) -> None:
    with override_settings(SOCIALACCOUNT_PROVIDERS={}):
        assert later.get(AGAIN).status_code == 403
        assert later.get("/accounts/password/set/").status_code == 200
    assert Client().get(AGAIN)["Location"].startswith(LOGIN)


# Groups.


def test_groups_come_from_the_claim_at_each_sign_in(provider: Provider) -> None:
    for name in ("analysts", "admins", "local"):
        GroupFactory(name=name)

    def groups() -> set[str]:
        return set(User.objects.get().groups.values_list("name", flat=True))

    with offered(provider, signup=True, groups_claim="groups"):
        by_sso(provider, "carol")
        assert groups() == {"analysts", "admins"}
        User.objects.get().groups.add(Group.objects.get(name="local"))
        provider.knows("carol", email="carol@example.com", groups="admins")
        by_sso(provider, "carol", process="anything")
        assert groups() == {"admins"}
        provider.knows("carol", email="carol@example.com")
        by_sso(provider, "carol")
        assert groups() == set()
    provider.knows("carol", email="carol@example.com", access={"roles": ["local"]})
    with offered(provider, groups_claim="access.roles"):
        by_sso(provider, "carol")
        assert groups() == {"local"}
    assert not Group.objects.filter(name="nobody-here").exists()


def test_without_a_claim_in_the_settings_groups_are_the_sites_own(provider: Provider) -> None:
    GroupFactory(name="analysts")
    by_sso(provider, "carol")
    User.objects.get().groups.add(Group.objects.get(name="analysts"))
    by_sso(provider, "carol")
    assert User.objects.get().groups.count() == 1


# Providers that are down or talk nonsense.


class Liar:
    """A provider whose every answer is set by the test."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = outer.answers[self.path]
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

            do_POST = do_GET

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def config(self) -> dict[str, Any]:
        names = {"authorization": "auth", "token": "token", "userinfo": "info"}
        found = {f"{name}_endpoint": f"{self.url}/{path}" for name, path in names.items()}
        return found | {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}


@pytest.fixture
def liar() -> Iterator[Liar]:
    server = Liar()
    yield server
    server.close()


WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    "change",
    [
        (500, b""),
        (404, {}),
        (200, b"<html>"),
        (200, b""),
        (200, b"\xff\xfe"),
        (200, []),
        (200, None),
        (200, {}),
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": 7},
    ],
)
def test_a_provider_whose_description_is_nonsense(liar: Liar, db: None, change: Any) -> None:
    liar.answers[WELL_KNOWN] = change if isinstance(change, tuple) else (200, liar.config | change)
    with offered(Provider(liar.url), signup=True):
        client = Client()
        assert failed(client.post(BEGIN))
        assert client.get(LOGIN).status_code == 200


def test_a_provider_that_is_down(db: None) -> None:
    with offered(Provider("http://127.0.0.1:9"), signup=True):
        assert failed(Client().post(BEGIN))


@pytest.mark.parametrize(
    ("token", "info"),
    [
        ((500, b""), (200, {})),
        ((200, b"not json"), (200, {})),
        ((200, 7), (200, {})),
        ((200, ["access_token"]), (200, {})),
        ((200, {"access_token": None}), (200, {})),
        ((200, {"access_token": "x", "expires_in": "soon"}), (200, {"sub": "x"})),
        ((200, {"access_token": "x"}), (200, {"sub": "x"})),
        ((200, {"access_token": "x", "id_token": "a.b.c"}), (200, {"sub": "x"})),
        ((200, {"access_token": "x", "id_token": ["x"]}), (200, {"sub": "x"})),
        ((200, {"access_token": "x", "id_token": "?"}), (500, b"")),
        ((200, {"access_token": "x", "id_token": "?"}), (200, [])),
        ((200, {"access_token": "x", "id_token": "?"}), (200, {})),
        ((200, {"access_token": "x", "id_token": "?"}), (200, {"sub": {}})),
        ((200, {"access_token": "x", "id_token": "?"}), (200, {"sub": "y" * 5000})),
        ((200, {"access_token": "x", "id_token": "?"}), (200, {"sub": "another"})),
        ((200, {"access_token": "x", "id_token": "?"}), (200, {"sub": "x", "name": "\0"})),
        ((200, {"access_token": "x", "id_token": "iss"}), (200, {"sub": "x"})),
        ((200, {"access_token": "x", "id_token": "aud"}), (200, {"sub": "x"})),
        ((200, {"access_token": "x", "id_token": "exp"}), (200, {"sub": "x"})),
        ((200, {"access_token": "x", "id_token": "nonce"}), (200, {"sub": "x"})),
    ],
)
def test_a_provider_whose_answers_are_nonsense(liar: Liar, db: None, token: Any, info: Any) -> None:
    import jwt

    liar.answers |= {WELL_KNOWN: (200, liar.config), "/token": token, "/info": info}
    with offered(Provider(liar.url), signup=True):
        client = Client(raise_request_exception=True)
        asked = asked_with(begin(client))
        claims = {"iss": liar.url, "aud": "site", "exp": 9999999999, "sub": "x"}
        claims |= {"nonce": asked["nonce"]}
        wrong = {"iss": "https://evil.example", "aud": "other", "exp": 1, "nonce": "other"}
        kind = token[1].get("id_token") if isinstance(token[1], dict) else None
        if isinstance(kind, str) and kind in {"?", *wrong}:
            claims |= {kind: wrong[kind]} if kind in wrong else {}
            signed = jwt.encode(claims, "x" * 32, "HS256")
            liar.answers["/token"] = (200, token[1] | {"id_token": signed})
        answer = client.get(CALLBACK, {"code": "x", "state": asked["state"]})
        assert failed(answer)
        assert not User.objects.exists()
        assert status(client=client) == 401


@pytest.mark.parametrize(
    "profile",
    [
        {"preferred_username": ["x"], "name": {"a": 1}, "email": 7},
        {"preferred_username": "x" * 5000, "name": "y" * 5000, "email": "no address"},
        {"preferred_username": "a b/c\\d", "given_name": "<script>", "family_name": "\u202e"},
        {"email": "x" * 400 + "@example.com"},
        {},
    ],
)
def test_a_strange_profile_makes_no_error(provider: Provider, profile: dict[str, Any]) -> None:
    provider.knows("strange", **profile)
    client = Client()
    answer = come_back(client, provider.signs_in(begin(client), "strange"))
    assert answer.status_code in {302, 401}
    if answer.get("Location") == f"{CONNECTIONS}signup/":
        page = client.get(f"{CONNECTIONS}signup/").content.decode()
        assert "<script>" not in page


def test_nothing_is_kept_that_opens_something(provider: Provider) -> None:
    by_sso(provider, "carol")
    stored = json.dumps(list(SocialAccount.objects.values_list("extra_data", flat=True)))
    assert "access_token" not in stored
    assert "eyJ" not in stored
    assert not mail.outbox


# The same from outside, over HTTP with cookies and redirects.


def test_the_whole_dance_with_a_site_set_up_by_its_environment(
    oidc_provider: Provider, sso_site: Any
) -> None:
    oidc_provider.knows("dora", email="dora@example.com", preferred_username="dora")
    with httpx.Client(base_url=sso_site.url) as browser:
        page = browser.get("/accounts/login/?next=/accounts/sessions/").text
        assert "Sign in with Example ID" in page
        token = browser.cookies["csrftoken"]
        form = {"csrfmiddlewaretoken": token, "next": "/accounts/sessions/"}
        asked = browser.post(BEGIN, data=form)
        back = oidc_provider.signs_in(asked.headers["Location"], "dora")
        assert back.startswith(sso_site.url + CALLBACK)
        answer = browser.get(back)
        assert answer.headers["Location"] == "/accounts/sessions/"
        assert browser.get(ME).json()["user"]["username"] == "dora"
        assert browser.get("/accounts/sessions/").status_code == 200
    with httpx.Client(base_url=sso_site.url) as other:
        assert other.get(back).status_code == 401
        assert "access_token" not in sso_site.log
        assert asked_with(back)["code"] not in sso_site.log
