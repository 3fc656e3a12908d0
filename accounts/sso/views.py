"""allauth's two views with our provider's adapter."""

from __future__ import annotations

from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from .adapter import adopt_session
from .provider import DoubtingAdapter


@never_cache
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _answer(OAuth2LoginView, request, provider_id)


@never_cache
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _answer(OAuth2CallbackView, request, provider_id)


def _answer(view: type, request: HttpRequest, provider_id: str) -> HttpResponse:
    try:
        adapter_view = view.adapter_view(DoubtingAdapter(request, provider_id))  # type: ignore[attr-defined]
        response: HttpResponse = adapter_view(request)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    adopt_session(request)
    return response
