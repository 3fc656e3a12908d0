"""Settings of the app, read when they are first used and again after `override_settings`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

PLACES = ("bearer", "header", "cookie")


class Conf:
    """Tickets are set by simplejwt's own names in `SIMPLE_JWT`; cookies by `SESSION_COOKIE_*`."""

    def __init__(self) -> None:
        # Django keeps the settings that it has, and looks long for those that it has not.
        self._read: dict[str, Any] = {}

    def _get(self, name: str, default: Any) -> Any:
        if name not in self._read:
            self._read[name] = getattr(settings, name, default)
        return self._read[name]

    def forget(self, *, setting: str, **_: object) -> None:
        self._read.pop(setting, None)

    def _jwt(self, name: str, default: Any) -> Any:
        return self._get("SIMPLE_JWT", {}).get(name, default)

    @property
    def access_age(self) -> timedelta:
        age: timedelta = self._jwt("ACCESS_TOKEN_LIFETIME", timedelta(minutes=15))
        return age

    @property
    def refresh_age(self) -> timedelta:
        age: timedelta = self._jwt("REFRESH_TOKEN_LIFETIME", timedelta(days=14))
        return age

    @property
    def algorithm(self) -> str:
        return str(self._jwt("ALGORITHM", "HS256"))

    @property
    def signing_key(self) -> str:
        """A secret, or a private key in PEM form."""
        return str(self._jwt("SIGNING_KEY", settings.SECRET_KEY))

    @property
    def old_keys(self) -> tuple[str, ...]:
        """Keys that no longer sign but still verify, until what they signed has expired: secrets,
        and private or public keys in PEM form."""
        old = tuple(self._get("ACCOUNTS_OLD_KEYS", ()))
        if "SIGNING_KEY" in self._get("SIMPLE_JWT", {}):
            return old
        return (*old, *settings.SECRET_KEY_FALLBACKS)

    @property
    def issuer(self) -> str:
        return str(self._jwt("ISSUER", "gradiosession"))

    @property
    def audience(self) -> str:
        return str(self._jwt("AUDIENCE", "gradiosession"))

    @property
    def leeway(self) -> float:
        """Seconds by which the clocks of two servers may differ."""
        return float(self._jwt("LEEWAY", 10))

    @property
    def places(self) -> tuple[str, ...]:
        """Where tickets are looked for, some of `PLACES`. The first place that has one decides."""
        return tuple(self._get("ACCOUNTS_TICKET_PLACES", PLACES))

    @property
    def bearer_header(self) -> str:
        """Takes `Bearer <access token or API key>`."""
        return str(self._get("ACCOUNTS_BEARER_HEADER", "Authorization"))

    @property
    def token_header(self) -> str:
        """Takes an access token and nothing else."""
        return str(self._get("ACCOUNTS_TOKEN_HEADER", "X-Session-Token"))

    @property
    def refresh_settle(self) -> float:
        """Seconds in which a refresh token presented twice is a race, not a theft."""
        return float(self._get("ACCOUNTS_REFRESH_SETTLE", 0.5))

    @property
    def reread_after(self) -> float:
        """Seconds after which a user is read from the database again, whatever was noticed."""
        return float(getattr(settings, "ACCOUNTS_REREAD_AFTER", 60))

    @property
    def expiring_before(self) -> float:
        """Seconds before the end of an unused session at which open pages are told."""
        return float(getattr(settings, "ACCOUNTS_EXPIRING_BEFORE", 60))

    @property
    def visitor_age(self) -> int:
        """Seconds without use after which the session of a visitor ends."""
        return int(self._get("ACCOUNTS_VISITOR_AGE", 24 * 3600))

    @property
    def visits(self) -> str:
        """How many sessions of visitors may begin, as allauth writes it; "": any number."""
        return str(self._get("ACCOUNTS_VISITS", "60/h/ip"))

    @property
    def signup_open(self) -> bool:
        return bool(self._get("ACCOUNTS_SIGNUP_OPEN", False))

    @property
    def audit_days(self) -> int:
        """How long lines of the audit trail are kept by `manage.py purge_audit`."""
        return int(getattr(settings, "ACCOUNTS_AUDIT_DAYS", 180))

    @property
    def known_address_days(self) -> int:
        """How long an address counts as known after somebody has signed in there."""
        return int(getattr(settings, "ACCOUNTS_KNOWN_ADDRESS_DAYS", 30))

    @property
    def demo_users(self) -> bool:
        return bool(self._get("DEMO_USERS", settings.DEBUG))

    @property
    def demo_password(self) -> str:
        return str(self._get("DEMO_PASSWORD", "gradio-demo"))


conf = Conf()
setting_changed.connect(conf.forget)
