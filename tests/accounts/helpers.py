from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import Client, override_settings

from accounts.identity import Identity, aidentify
from tests.factories import PASSWORD

SAME_ORIGIN = {"Origin": "http://testserver"}
ME = "/api/auth/me"
LOGIN = "/accounts/login/"


def by_page(user: str, client: Client | None = None, **fields: Any) -> Client:
    """A browser that signed in on the page."""
    client = client or Client()
    fields = {"login": user, "password": PASSWORD} | fields
    response = client.post(LOGIN, fields)
    assert response.status_code == 302, response.content.decode()
    return client


def confirmed(client: Client) -> Client:
    """The browser has just shown the password again, as before a sensitive change."""
    answer = client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": "/"})
    assert answer.status_code == 302, answer.content.decode()
    return client


def by_api(user: str, client: Client | None = None, **fields: Any) -> dict[str, Any]:
    """What the API answers to a program that signs in."""
    body = {"username": user, "password": PASSWORD} | fields
    response = (client or Client()).post("/api/auth/login", body, content_type="application/json")
    assert response.status_code == 200, response.content.decode()
    answer: dict[str, Any] = response.json()
    return answer


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def status(token: str | None = None, client: Client | None = None) -> int:
    """What `GET /api/auth/me` says: 200 or 401."""
    headers = bearer(token) if token else {}
    return (client or Client()).get(ME, headers=headers).status_code


def cookie_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def signed(claims: dict[str, Any], **changes: Any) -> str:
    """A token signed with the real key; a change to `None` removes the claim."""
    claims = {k: v for k, v in (claims | changes).items() if v is not None}
    return jwt.encode(claims, settings.SECRET_KEY, "HS256")


def identify(headers: Mapping[str, str], cookies: Mapping[str, str]) -> Identity:
    """As the gate does it, without a request."""
    with override_settings(SESSIONSTATE_THREADS=0):  # this thread, whose transaction has the user
        return async_to_sync(aidentify)(headers, cookies)
