"""What we ask of allauth beyond its settings."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from . import throttle
from .conf import conf

_MISMATCH = "The user name or the password is not right."


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    # One message, whatever was typed and whatever is wrong with it.
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _MISMATCH,
        "email_password_mismatch": _MISMATCH,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return conf.signup_open

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        # allauth tries an e-mail address as a user name too, and would hash the password once
        # more for an address that exists: a difference in time that tells which ones do.
        if credentials.get("email") == credentials.get("username"):
            credentials.pop("email", None)
        user: AbstractBaseUser | None = super().authenticate(request, **credentials)
        # For a disabled user with the right password allauth has a page; that page would say
        # that the password was right.
        return user if user is not None and user.is_active else None

    def is_safe_url(self, url: str | None) -> bool:
        """`?next=` stays on this host: neither ALLOWED_HOSTS nor trusted origins widen it."""
        request = context.request
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # allauth's key begins with the Host header, whose port the client may choose: each port
        # would have attempts of its own.
        return throttle.count_key(request, _login(credentials))

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            raise throttle.lock_out(request, _login(credentials)) from None


def _login(credentials: dict[str, Any]) -> str:
    return credentials.get("username") or credentials.get("email") or ""
