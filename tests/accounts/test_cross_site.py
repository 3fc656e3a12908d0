"""No other site's page uses a cookie: every operation of the API, and every form."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from gradiosession.api import api
from tests.accounts.helpers import LOGIN, by_page, status
from tests.factories import PASSWORD, UserFactory

METHODS = ("post", "put", "patch", "delete")
ORIGINS: dict[str, dict[str, str]] = {
    "missing": {},
    "foreign": {"Origin": "https://evil.example"},
    "sibling": {"Origin": "http://x.testserver"},
    "null": {"Origin": "null"},
    "another port": {"Origin": "http://testserver:8443"},
    "same-site only": {"Origin": "http://testserver", "Sec-Fetch-Site": "same-site"},
}
TYPES = ("application/json", "text/plain", "application/x-www-form-urlencoded")


def operations() -> list[tuple[str, str]]:
    """All that change something and take the cookie."""
    found = []
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, operation in methods.items():
            if method in METHODS and operation.get("security"):
                found.append((method, re.sub(r"{[^}]+}", "1", path)))
    return found


def test_the_api_lets_no_other_site_use_the_cookie(ada: User) -> None:
    browser = by_page("ada")
    checked = operations()
    assert len(checked) >= 11
    for method, path in checked:
        for origin, headers in ORIGINS.items():
            for kind in TYPES:
                answer = getattr(browser, method)(path, "{}", content_type=kind, headers=headers)
                assert answer.status_code == 403, (method, path, origin, kind)
                assert answer["Content-Type"] == "application/problem+json"
    assert status(client=browser) == 200


@pytest.mark.parametrize("path", ["/api/auth/login", "/api/auth/register"])
def test_nor_sign_anybody_in(ada: User, path: str) -> None:
    """These take no cookie but set one. Without an origin it is a program's request."""
    for origin, headers in ORIGINS.items():
        if origin != "missing":
            client = Client()
            body = {"username": "ada", "password": "x", "email": "a@b.example"}
            answer = client.post(path, body, content_type="application/json", headers=headers)
            assert answer.status_code == 403, origin
            assert not client.cookies


def pages(patterns: Any = None, prefix: str = "/") -> list[str]:
    """Every URL of the site whose path has no parameters, but those of the API."""
    found: list[str] = []
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(entry.pattern).removeprefix("^").removesuffix("$").removesuffix(r"\Z")
        if isinstance(entry, URLResolver):
            found += pages(entry.url_patterns, path)
        elif isinstance(entry, URLPattern) and not re.search(r"[<>()\\\[\]]", path):
            found.append(path)
    return [path for path in found if not path.startswith("/api/")]


def test_no_form_of_the_site_is_sent_from_elsewhere(db: None) -> None:
    UserFactory(username="root", is_staff=True, is_superuser=True)
    browser = Client(enforce_csrf_checks=True)
    page = browser.get(LOGIN).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    mine = {"csrfmiddlewaretoken": token[1]}
    form = {"login": "root", "password": PASSWORD}
    assert browser.post(LOGIN, form | mine).status_code == 302
    csrf = browser.cookies[settings.CSRF_COOKIE_NAME].value
    checked = pages()
    assert len(checked) > 30 and "/accounts/logout/" in checked and "/admin/logout/" in checked
    for path in checked:
        for origin, headers in ORIGINS.items():
            # A page elsewhere does not know the token; if it did, its origin would give it away.
            with_token = origin not in ("missing", "same-site only")
            known = headers | ({"X-CSRFToken": csrf} if with_token else {})
            for kind in ("application/x-www-form-urlencoded", "text/plain"):
                answer = browser.post(path, "x=1", content_type=kind, headers=known)
                assert answer.status_code in (403, 405), (path, origin, kind)
    assert status(client=browser) == 200
