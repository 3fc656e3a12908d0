"""`POST <app>/login`, where Gradio's own clients sign in: like the page, and never for a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio_client
import httpx
import pytest
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import include, path
from gradio_client.exceptions import AuthenticationError

from accounts.origin import is_from_browser
from gradio_ui import demos, login
from sessionstate import logins
from tests.accounts.helpers import by_api, claims_of, cookie_of
from tests.factories import PASSWORD, UserFactory
from tests.servers import DEMO_PASSWORD, Site

# The view by itself; who gets to it is the router's part, tested with a server below.
urlpatterns = [path("login", login._sign_in), path("", include("gradiosession.urls"))]
COOKIE = settings.SESSION_COOKIE_NAME
ADA = {"username": "ada", "password": PASSWORD}
OWN, FOREIGN = "http://testserver", "https://evil.example"


@pytest.fixture(autouse=True)
def no_attempts_before(request: pytest.FixtureRequest) -> None:
    from django.core.cache import cache

    cache.clear()


@pytest.fixture
def ada(db: None) -> Any:
    with override_settings(ROOT_URLCONF=__name__):
        yield UserFactory(username="ada")


def post(client: Client | None = None, form: dict[str, str] = ADA, **headers: str) -> Any:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return (client or Client()).post("/login", form, headers=headers)


def test_a_program_gets_a_cookie_that_needs_no_renewal(ada: User) -> None:
    client = Client()
    answer = post(client)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert "no-store" in answer["Cache-Control"]
    claims = claims_of(cookie_of(client))
    assert claims["program"] is True
    assert claims["exp"] - claims["iat"] >= settings.SESSIONSTATE_ABSOLUTE_AGE - 2
    (login,) = logins.for_user(ada.pk)
    assert login.id == claims["sid"] and login.ip == "127.0.0.1"


def test_a_browser_gets_its_own_kind(ada: User) -> None:
    client = Client()
    assert post(client, Origin=OWN).status_code == 200
    assert "program" not in claims_of(cookie_of(client))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": FOREIGN},
        {"Origin": "null"},
        {"Origin": "http://x.testserver"},
        {"Origin": OWN, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Accept": "text/html,*/*"},
    ],
)
def test_no_page_signs_its_reader_in(ada: User, headers: dict[str, str]) -> None:
    client = Client()
    assert is_from_browser(headers)
    answer = post(client, **headers)
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert COOKIE not in client.cookies
    assert not logins.for_user(ada.pk)


def test_every_failure_has_the_apis_message(ada: User) -> None:
    UserFactory(username="gone", is_active=False)
    body = ADA | {"password": "wrong"}
    wanted = Client().post("/api/auth/login", body, content_type="application/json").json()
    for form in (
        ADA | {"password": "wrong"},
        ADA | {"username": "nobody"},
        ADA | {"username": "gone"},
        {"username": "\x00" * 300, "password": "x" * 5000},
        {},
    ):
        answer = post(form=form)
        assert (answer.status_code, answer.json()) == (401, wanted)
        assert COOKIE not in answer.cookies
    plain = Client().post("/login", "username=ada&password=x", content_type="text/plain")
    assert plain.status_code == 401


def test_the_limits_are_the_ones_of_page_and_api(ada: User) -> None:
    wrong = ADA | {"password": "wrong"}
    codes = [post(form=wrong).status_code for _ in range(12)]
    assert codes[0] == 401 and codes[-1] == 429
    answer = post()
    assert answer.status_code == 429, "the right password comes too late as well"
    assert int(answer["Retry-After"]) > 0
    api = Client().post("/api/auth/login", ADA, content_type="application/json")
    assert api.status_code == 429


def test_who_has_a_second_factor_is_told_what_to_do(ada: User) -> None:
    totp.TOTP.activate(ada, totp.generate_totp_secret())
    client = Client()
    answer = post(client)
    assert answer.status_code == 403
    assert "API key" in answer.json()["detail"]
    assert COOKIE not in client.cookies
    assert not logins.for_user(ada.pk)


def test_a_planted_cookie_is_not_taken_up(ada: User) -> None:
    client = Client()
    by_api("ada", client)
    planted = cookie_of(client)
    assert post(client).status_code == 200
    assert claims_of(cookie_of(client))["sid"] != claims_of(planted)["sid"]
    assert len(logins.for_user(ada.pk)) == 2, "the browser's own login goes on"


# With Gradio's client and a server.

SAMPLE = Path(demos.__file__).with_name("bike_rentals.csv")


def url(site: Site) -> str:
    return f"{site.url}/gradio/probe/"


@pytest.fixture(scope="module")
def by_password(live_site: Site) -> gradio_client.Client:
    return gradio_client.Client(url(live_site), auth=("ada", DEMO_PASSWORD), verbose=False)


def test_gradios_client_signs_in_with_auth(by_password: gradio_client.Client) -> None:
    by_password.predict("colour", "green", api_name="/remember")
    assert by_password.predict("colour", api_name="/recall") == "green"
    job = by_password.submit(3, api_name="/count_up")
    assert job.result(timeout=30) == 3
    assert job.outputs() == [1, 2, 3]


def test_gradios_client_uploads_with_auth(live_site: Site) -> None:
    app = f"{live_site.url}/gradio/dashboard/"
    page = gradio_client.Client(app, auth=("ada", DEMO_PASSWORD), verbose=False)
    page.predict(gradio_client.handle_file(SAMPLE), api_name="/open_file")
    assert SAMPLE.name in str(page.predict(api_name="/show"))


def test_a_wrong_password_is_gradios_own_error(live_site: Site) -> None:
    with pytest.raises(AuthenticationError):
        gradio_client.Client(url(live_site), auth=("ada", "wrong"), verbose=False)


def test_without_it_nothing_is_open(live_site: Site) -> None:
    with pytest.raises(ValueError):
        gradio_client.Client(url(live_site), verbose=False)


def test_its_cookie_is_worth_nothing_to_a_page(
    live_site: Site, by_password: gradio_client.Client
) -> None:
    cookies = by_password.cookies
    with httpx.Client(base_url=url(live_site), cookies=cookies) as client:
        assert client.get("config").status_code == 200
        join = {"fn_index": 0, "data": [], "session_hash": "x"}
        for origin in (live_site.url, FOREIGN, "null"):
            for ask in (
                client.get("config", headers={"Origin": origin}),
                client.post("gradio_api/queue/join", json=join, headers={"Origin": origin}),
            ):
                assert ask.status_code == 403
        assert client.get("", headers={"Accept": "text/html"}).status_code == 403
        assert client.get(f"{live_site.url}/api/auth/me").status_code == 401


def test_people_are_led_to_the_sites_own_page(live_site: Site) -> None:
    answer = httpx.get(f"{url(live_site)}login")
    assert answer.status_code == 302
    assert answer.headers["location"] == "/accounts/login/?next=/gradio/probe/"
    assert httpx.put(f"{url(live_site)}login").status_code == 405
    unknown = httpx.post(f"{live_site.url}/gradio/none/login", data=ADA)
    assert unknown.status_code == 404


def test_nobody_sends_a_book_for_a_password(live_site: Site) -> None:
    long = httpx.post(f"{url(live_site)}login", data={"username": "x" * login.MAX_BYTES})
    unknown = httpx.post(f"{url(live_site)}login", content=iter([b"username=ada"]))
    assert (long.status_code, unknown.status_code) == (413, 413)
