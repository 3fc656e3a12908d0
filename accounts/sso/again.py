"""Who has neither a password nor a code here shows at the provider once more who they are.

allauth asks such people for nothing before a sensitive change.
"""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache


def provider_of(request: HttpRequest, user: User | AnonymousUser) -> Any | None:
    """The provider with which `user` can sign in, if this site still has it."""
    accounts = SocialAccount.objects.filter(user_id=user.pk).values_list("provider", flat=True)
    connected = set(accounts)
    found = get_adapter().list_providers(request)
    return next((provider for provider in found if provider.sub_id in connected), None)


def method() -> dict[str, str]:
    """As allauth lists the ways to show who one is."""
    return {
        "id": "sso",
        "description": _("Use single sign-on"),
        "url": reverse("account_sso_again"),
    }


@never_cache
@login_required
def again(request: HttpRequest) -> HttpResponse:
    provider = provider_of(request, request.user)
    if provider is None:
        raise PermissionDenied
    after = get_next_redirect_url(request) or reverse("account_sessions")
    if request.method != "POST":
        context = {"provider": provider, "next": after}
        return render(request, "socialaccount/reauthenticate.html", context)
    # The form that led here is filled in anew afterwards; it may hold a password.
    request.session.pop(STATE_SESSION_KEY, None)
    answer: HttpResponse = provider.redirect(
        request, process=AuthProcess.REDIRECT, next_url=after, again=True
    )
    return answer


def note(request: HttpRequest, sociallogin: SocialLogin) -> None:
    """The provider has said who is there: it must be who is signed in."""
    if not sociallogin.is_existing or sociallogin.user != request.user:
        raise PermissionDenied("Somebody else has shown who they are.")
    record_authentication(
        request,
        request.user,
        "socialaccount",
        reauthenticated=True,
        provider=sociallogin.account.provider,
        uid=sociallogin.account.uid,
    )
