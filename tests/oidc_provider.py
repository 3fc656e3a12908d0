"""An OpenID Connect provider in a process of its own, and how one signs in there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.servers import BASE_DIR, free_port, running


@dataclass(frozen=True)
class Provider:
    url: str

    def knows(self, sub: str, **claims: Any) -> None:
        answer = httpx.put(f"{self.url}/users/{sub}", json=claims)
        assert answer.status_code == 204, answer.text

    def settings(self, **more: Any) -> dict[str, Any]:
        """What the site makes of OIDC_ISSUER and its companions."""
        own = {"server_url": self.url, "scope": ["openid", "profile", "email"], **more}
        app = {"provider_id": "sso", "name": "Example ID", "client_id": "site", "secret": "secret"}
        return {
            "openid_connect": {"APPS": [app | {"settings": own}], "OAUTH_PKCE_ENABLED": True},
        }

    def signs_in(self, authorize: str, sub: str) -> str:
        """As the person `sub` does on the provider's page: where they are sent back to."""
        assert httpx.get(authorize).status_code == 200
        answer = httpx.post(authorize, data={"sub": sub})
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def refuses(self, authorize: str) -> str:
        answer = httpx.post(authorize, data={"action": "deny"})
        # The standard sends the state back with errors too; this provider forgets it.
        return f"{answer.headers['Location']}&state={asked_with(authorize)['state']}"


def asked_with(authorize: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(authorize).query))


def without(authorize: str, name: str) -> str:
    return re.sub(rf"[&?]{name}=[^&]*", "", authorize)


@pytest.fixture(scope="session")
def oidc_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    port, directory = free_port(), tmp_path_factory.mktemp("oidc")
    command = [sys.executable, str(BASE_DIR / "tests" / "oidc_server.py"), str(port)]
    with running(command, port, directory):
        yield Provider(f"http://127.0.0.1:{port}")
