"""Django is set up after this file is read, so whatever imports models is imported later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from sessionstate import clock as session_clock
from tests.oidc_provider import Provider
from tests.servers import Site, SiteFactory

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@pytest.fixture(autouse=True)
def no_attempts_before() -> Iterator[None]:
    """The limits of sign-in are kept in the cache."""
    from django.core.cache import cache

    cache.clear()
    yield
    cache.clear()


@pytest.fixture(scope="session", autouse=True)
def cheap_hashing() -> Iterator[None]:
    """argon2 costs 50 ms and 100 MB a sign-in on purpose; hundreds of tests sign in."""
    from django.contrib.auth.hashers import Argon2PasswordHasher

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Argon2PasswordHasher, "time_cost", 1)
        patch.setattr(Argon2PasswordHasher, "memory_cost", 64)
        yield


@pytest.fixture
def clock() -> Iterator[ModuleType]:
    """`clock.shift(seconds)` moves time for tickets and sessions alike."""
    yield session_clock
    session_clock.reset()


@pytest.fixture
def ada(db: None) -> User:
    from tests.factories import UserFactory

    return UserFactory(username="ada", groups=["analysts"])


@pytest.fixture
def bob(db: None) -> User:
    from tests.factories import UserFactory

    return UserFactory(username="bob")


@pytest.fixture(scope="session")
def sso_site(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, oidc_provider: Provider
) -> Iterator[Site]:
    """A site with all its doors open: sign-up, and single sign-on set up by the environment."""
    factory = SiteFactory(tmp_path_factory.mktemp("sso-site"), demo_database)
    env = {
        "OIDC_ISSUER": oidc_provider.url,
        "OIDC_CLIENT_ID": "site",
        "OIDC_CLIENT_SECRET": "secret",
        "OIDC_NAME": "Example ID",
        "OIDC_SIGNUP": "1",
        "OIDC_GROUPS_CLAIM": "groups",
        "ACCOUNTS_SIGNUP_OPEN": "1",
        "EXTRA_APPS": "tests.testapp",
    }
    yield factory("daphne", env=env)
    factory.close()


@pytest.fixture(scope="session")
def proxied_site(tmp_path_factory: pytest.TempPathFactory, demo_database: Path) -> Iterator[Site]:
    """Behind one proxy, as it thinks, so that each request may come from an address of its own.
    Anybody may sign up."""
    factory = SiteFactory(tmp_path_factory.mktemp("proxied"), demo_database)
    yield factory("daphne", env={"DJANGO_TRUSTED_PROXIES": "1", "ACCOUNTS_SIGNUP_OPEN": "1"})
    factory.close()
