"""A cookie alone does not vouch for a request that changes something."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings

from accounts.origin import is_cross_site
from tests.accounts.helpers import bearer, by_api, by_page, cookie_of, status

OWN, FOREIGN, SIBLING = "https://app.example", "https://evil.example", "https://x.app.example"

ROWS = [
    # origin, sec-fetch-site, refused
    (OWN, None, False),
    (OWN, "same-origin", False),
    ("https://app.example:443", None, False),
    ("HTTPS://APP.EXAMPLE", None, False),
    (None, "same-origin", False),
    (None, "none", False),
    (None, None, True),
    ("", None, True),
    ("null", None, True),
    ("null", "same-origin", True),
    (FOREIGN, None, True),
    (FOREIGN, "cross-site", True),
    (FOREIGN, "same-origin", True),
    (SIBLING, None, True),
    (SIBLING, "same-site", True),
    (OWN, "cross-site", True),
    (OWN, "same-site", True),
    (None, "same-site", True),
    (None, "cross-site", True),
    (None, "nonsense", True),
    ("http://app.example", None, True),
    ("https://app.example:8443", None, True),
    ("https://app.example.evil.example", None, True),
    ("https://app.example@evil.example", None, True),
    ("https://[", None, True),
    ("https://app.example:port", None, True),
    ("app.example", None, True),
    ("//app.example", None, True),
]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post", "BREW"])
@pytest.mark.parametrize(("origin", "site", "refused"), ROWS)
def test_who_is_taken_for_another_site(
    method: str, origin: str | None, site: str | None, refused: bool
) -> None:
    headers = {"Origin": origin, "Sec-Fetch-Site": site}
    sent = {name: value for name, value in headers.items() if value is not None}
    assert is_cross_site(method, sent, "app.example", "https") is refused


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_is_free(method: str) -> None:
    assert not is_cross_site(method, {"Origin": FOREIGN}, "app.example", "https")


@override_settings(CSRF_TRUSTED_ORIGINS=["https://trusted.example", "https://*.wide.example"])
@pytest.mark.parametrize(
    ("origin", "refused"),
    [
        ("https://trusted.example", False),
        ("https://a.wide.example", False),
        ("https://a.b.wide.example", False),
        ("http://trusted.example", True),
        ("http://a.wide.example", True),
        ("https://trusted.example.evil.example", True),
        ("https://evilwide.example", True),
        ("https://sub.trusted.example", True),
    ],
)
def test_trusted_origins_are_djangos(origin: str, refused: bool) -> None:
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    assert is_cross_site("POST", headers, "app.example", "https") is refused


UNSAFE = [
    ("post", "/api/auth/logout"),
    ("delete", "/api/sessions"),
    ("delete", "/api/sessions/x"),
    ("put", "/api/session/data"),
    ("patch", "/api/session/data"),
    ("delete", "/api/session/data"),
    ("put", "/api/session/data/k"),
    ("patch", "/api/session/data/k"),
    ("delete", "/api/session/data/k"),
]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
@pytest.mark.parametrize(("method", "path"), UNSAFE)
def test_no_other_site_can_use_the_cookie(
    ada: User, method: str, path: str, content_type: str
) -> None:
    browser = by_page("ada")
    send = getattr(browser, method)
    for headers in (
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://x.testserver"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "same-site"},
    ):
        answer = send(path, "{}", content_type=content_type, headers=headers)
        assert answer.status_code == 403, headers
        assert answer["Content-Type"] == "application/problem+json"
    assert status(client=browser) == 200


@pytest.mark.parametrize(("method", "path"), UNSAFE)
def test_a_token_vouches_for_itself(ada: User, method: str, path: str) -> None:
    headers = bearer(by_api("ada")["access"]) | {"Origin": "https://evil.example"}
    answer = getattr(Client(), method)(path, "{}", content_type="application/json", headers=headers)
    assert answer.status_code in {200, 204, 404}


def test_a_token_beside_a_cookie_still_decides(ada: User) -> None:
    browser, access = by_page("ada"), by_api("ada")["access"]
    cookie = cookie_of(browser)
    answer = browser.post("/api/auth/logout", headers=bearer(access))
    assert answer.status_code == 204
    assert status(access) == 401
    browser.cookies[settings.SESSION_COOKIE_NAME] = cookie
    assert status(client=browser) == 200
