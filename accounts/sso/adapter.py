"""What this site decides about people who come from the provider."""

from __future__ import annotations

import logging
from typing import Any, cast

from allauth.socialaccount.adapter import (
    DefaultSocialAccountAdapter,
    _build_apps_from_settings,
)
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from sessionstate.engine import SessionStore
from sessionstate.middleware import client_of

from .again import note

logger = logging.getLogger(__name__)

_NOT_SIGNING_IN = {AuthProcess.CONNECT, AuthProcess.REDIRECT}


def adopt_session(request: HttpRequest) -> None:
    """While it keeps what a sign-in needs, allauth puts another session object into the request,
    which is not loaded (so that no cookie would be written) and does not know the browser."""
    session = cast(SessionStore, request.session)
    session.client = client_of(request)
    session.keys()


class SSOAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """By settings alone: without a look into the database for each page with the button."""
        found = _build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in found.values() for app in apps]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        adopt_session(request)
        expected = sociallogin.state.get("nonce") or ""
        nonce = _claim(sociallogin, "nonce", sources=("id_token",))
        if not expected or not constant_time_compare(str(nonce), expected):
            raise PermissionDenied("The ID token was made for another sign-in.")
        if sociallogin.state.get("again"):
            note(request, sociallogin)
        if sociallogin.is_existing and sociallogin.state.get("process") not in _NOT_SIGNING_IN:
            self._give_groups(sociallogin)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return bool(sociallogin.provider.app.settings.get("signup"))

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        user: User = super().save_user(request, sociallogin, form)
        self._give_groups(sociallogin)
        return user

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> None:
        if exception is not None:
            # Not the text: an answer of the provider may hold a token.
            logger.warning("Single sign-on failed: %s", type(exception).__name__)

    def _give_groups(self, sociallogin: SocialLogin) -> None:
        """With a groups claim the provider decides: the user gets those that exist here, and is
        taken out of all others. A claim that is missing means no group."""
        name = sociallogin.provider.app.settings.get("groups_claim")
        if not name:
            return
        claimed = _claim(sociallogin, name)
        names = claimed if isinstance(claimed, list) else [claimed]
        # Keycloak writes a group as a path.
        wanted = {one.removeprefix("/") for one in names if isinstance(one, str)}
        sociallogin.user.groups.set(Group.objects.filter(name__in=wanted))


def _claim(
    sociallogin: SocialLogin, name: str, sources: tuple[str, ...] = ("userinfo", "id_token")
) -> Any:
    """`name` may lead into objects: `realm_access.roles`."""
    for source in sources:
        found = sociallogin.account.extra_data.get(source, {})
        if name in found:
            return found[name]
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found is not None:
            return found
    return None
