"""What allauth registers in the admin, cut to what an operator needs.

Providers are settings here and their tokens are not kept: both stay out. A second factor can be
looked up, and deleted for who has lost the phone; its secret is nobody's business.
"""

from typing import Any

import allauth.mfa.admin
import allauth.socialaccount.admin  # noqa: F401  # registers what is taken out below
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialApp, SocialToken
from django.contrib import admin
from django.http import HttpRequest

admin.site.unregister([Authenticator, SocialApp, SocialToken])


@admin.register(Authenticator)
class AuthenticatorAdmin(allauth.mfa.admin.AuthenticatorAdmin):  # type: ignore[misc]
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = readonly_fields = ("user", "type", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
