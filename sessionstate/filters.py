"""The filters beside the admin's list of sessions. They work on a `Listing`."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from sessionstate import people

USERS_IN_FILTER = 15


class UserFilter(admin.SimpleListFilter):
    title = _("user")
    parameter_name = "user"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The users seen last; only the chosen one when there is one, who may have no session."""
        if chosen := self.value():
            ids = [chosen]
        else:
            recent = model_admin.get_queryset(request).order_by("-used").logins
            ids = list(dict.fromkeys(login.user for login in recent if login.user))
        names = people.names(ids := ids[:USERS_IN_FILTER])
        return [(user_id, names[user_id]) for user_id in ids]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.of(chosen) if (chosen := self.value()) else queryset


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("signed-in", _("Signed in")), ("anonymous", _("Anonymous"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "anonymous":
            return queryset.anonymous()
        return queryset.signed_in() if self.value() == "signed-in" else queryset
