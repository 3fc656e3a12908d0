from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from sessionstate import logins

from . import audit_admin  # noqa: F401  # registers the trail and the lockouts
from .models import ApiKey
from .programs import revoke_key

admin.site.site_header = admin.site.site_title = "Gradio Session"
admin.site.index_title = _("Administration")
# By the site's own page: the same limits, and the second factor is asked for here too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.unregister([Group, User])


class EmailAddressInline(admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs only
    model = EmailAddress
    extra = 0


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    list_display = (
        "username",
        "email",
        "full_name",
        "roles",
        "is_staff",
        "is_active",
        "last_login",
    )
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    filter_horizontal = ("groups", "user_permissions")
    readonly_fields = ("last_login", "date_joined")
    inlines = [EmailAddressInline]
    actions = ["sign_out_everywhere", "disable", "enable"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[Any]:
        return self.inlines if obj else []

    @admin.display(description=_("name"))
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(description=_("groups"))
    def roles(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all()))

    @admin.action(description=_("Sign out everywhere"), permissions=["change"])
    def sign_out_everywhere(self, request: HttpRequest, users: QuerySet[User]) -> None:
        ended = sum(logins.revoke_user(user.pk) for user in users)
        said = ngettext("Ended %(count)s session.", "Ended %(count)s sessions.", ended)
        self.message_user(request, said % {"count": ended}, messages.SUCCESS)

    @admin.action(description=_("Disable, and sign out everywhere"), permissions=["change"])
    def disable(self, request: HttpRequest, users: QuerySet[User]) -> None:
        # Not oneself: nobody should lock themselves out.
        others = [user for user in users if user != request.user]
        _set_active(others, False)
        for user in others:
            logins.revoke_user(user.pk)
        said = ngettext("Disabled %(count)s user.", "Disabled %(count)s users.", len(others))
        self.message_user(request, said % {"count": len(others)}, messages.SUCCESS)

    @admin.action(description=_("Enable"), permissions=["change"])
    def enable(self, request: HttpRequest, users: QuerySet[User]) -> None:
        disabled = list(users.filter(is_active=False))
        _set_active(disabled, True)
        said = ngettext("Enabled %(count)s user.", "Enabled %(count)s users.", len(disabled))
        self.message_user(request, said % {"count": len(disabled)}, messages.SUCCESS)


def _set_active(users: list[User], active: bool) -> None:
    for user in users:  # one by one: a single UPDATE would send no signals
        user.is_active = active
        user.save(update_fields=["is_active"])


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin):
    list_display = ("name", "members")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).annotate(_members=Count("user"))

    @admin.display(description=_("users"), ordering="_members")
    def members(self, group: Any) -> int:
        count: int = group._members
        return count


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who has which keys. They are made by their users only, and kept after they were revoked."""

    list_display = ("name", "shown", "user", "scope", "created", "expires", "last_used", "revoked")
    list_filter = (("revoked", admin.EmptyFieldListFilter), "write")
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    fields = readonly_fields = (*list_display,)
    actions = ["revoke"]

    @admin.display(description=_("key"))
    def shown(self, key: ApiKey) -> str:
        return key.shown

    @admin.display(description=_("scope"))
    def scope(self, key: ApiKey) -> str:
        access = gettext("read and write") if key.write else gettext("read only")
        return f"{access}: {', '.join(key.apps) or gettext('all apps')}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description=_("Revoke selected API keys"), permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        count = sum(revoke_key(key) for key in keys)
        said = ngettext("Revoked %(count)s API key.", "Revoked %(count)s API keys.", count)
        self.message_user(request, said % {"count": count}, messages.SUCCESS)
