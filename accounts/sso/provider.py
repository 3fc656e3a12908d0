"""allauth's OpenID Connect, made to doubt what it is sent.

allauth finds `provider_classes` by this module's name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string
from requests import RequestException

ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")


@contextmanager
def _nonsense_is_an_error() -> Iterator[None]:
    """What is read from the provider may be anything; allauth expects what the standard says."""
    try:
        yield
    except (AttributeError, ImproperlyConfigured, KeyError, TypeError, ValueError) as error:
        raise OAuth2Error(f"The provider's answer makes no sense: {error!r}") from error


class DoubtingAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    @property
    def openid_config(self) -> dict[str, Any]:
        if not hasattr(self, "_openid_config"):
            with _nonsense_is_an_error():
                config: dict[str, Any] = super().openid_config
                issuer = self.get_provider().app.settings["server_url"]
                # OpenID Connect Discovery 4.3: or one provider could speak for another.
                if config["issuer"].rstrip("/") != issuer.rstrip("/"):
                    raise OAuth2Error(f"The provider calls itself {config['issuer']!r}.")
                for name in ENDPOINTS:
                    if not config[name].startswith(("https://", "http://")):
                        raise OAuth2Error(f"The provider's {name} is no address.")
        found: dict[str, Any] = self._openid_config
        return found

    def get_access_token_data(self, *args: Any, **kwargs: Any) -> Any:
        with _nonsense_is_an_error():
            return super().get_access_token_data(*args, **kwargs)

    def parse_token(self, data: Any) -> Any:
        with _nonsense_is_an_error():
            return super().parse_token(data)

    def complete_login(self, *args: Any, **kwargs: Any) -> Any:
        with _nonsense_is_an_error():
            login = super().complete_login(*args, **kwargs)
            data = login.account.extra_data
            # OpenID Connect Core 5.3.2: or the profile could be somebody else's.
            if data["userinfo"]["sub"] != data["id_token"]["sub"]:
                raise OAuth2Error("The ID token and the profile are of two people.")
            if "\\u0000" in json.dumps(data):
                raise OAuth2Error("The profile holds what no database stores.")
            return login


class DoubtingProvider(OpenIDConnectProvider):  # type: ignore[misc]
    oauth2_adapter_class = DoubtingAdapter

    def redirect(
        self,
        request: HttpRequest,
        process: str,
        next_url: str | None = None,
        data: Any = None,
        **kwargs: Any,
    ) -> HttpResponse:
        # allauth takes `scope` and further parameters from the address; they are ours to choose.
        kwargs |= {"scope": self.get_scope(), "nonce": get_random_string(32)}
        kwargs["auth_params"] = self.get_auth_params() | {"nonce": kwargs["nonce"]}
        if kwargs.get("again"):
            kwargs["auth_params"]["prompt"] = "login"  # or the provider would ask nobody
        try:
            response: HttpResponse = super().redirect(request, process, next_url, data, **kwargs)
        except (OAuth2Error, RequestException) as error:
            response = render_authentication_error(request, self, exception=error)
        return response

    def extract_common_fields(self, data: dict[str, Any]) -> dict[str, str]:
        fields = super().extract_common_fields(data)
        return {name: value for name, value in fields.items() if isinstance(value, str)}

    def extract_email_addresses(self, data: dict[str, Any]) -> list[EmailAddress]:
        addresses: list[EmailAddress] = super().extract_email_addresses(data)
        for address in addresses:
            # Some providers send the word; "false" would count as true.
            address.verified = str(address.verified).lower() == "true"
        return addresses


provider_classes = [DoubtingProvider]
