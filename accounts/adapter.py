"""What we ask of allauth beyond its settings."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from . import throttle
from .conf import conf
from .signin import signed_in_lately
from .sso import again
from .sso.again import provider_of

_MISMATCH = _("The user name or the password is not right.")


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

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        if not super().is_reauthentication_required(app=app, **kwargs):
            return False
        request = context.request
        known = super().get_reauthentication_methods(request.user)
        if not known and provider_of(request, request.user) and not signed_in_lately(request):
            # allauth takes it that who has neither password nor code cannot be asked.
            raise ReauthenticationRequired
        return True

    def get_reauthentication_methods(self, user: User | AnonymousUser) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if not found and provider_of(context.request, user):
            return [again.method()]
        return found


def _login(credentials: dict[str, Any]) -> str:
    return credentials.get("username") or credentials.get("email") or ""
