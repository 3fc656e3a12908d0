"""Conversations in the admin: whose, when, how long. What was said is not shown there."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gradio_ui.models import Conversation

_SHOWN = ("id", "user", "app", "chat", "length", "created", "updated")


@admin.register(Conversation)
class ConversationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # in the stubs only
    list_display = ["short_id", "user", "app", "chat", "length", "created", "updated"]
    list_filter = ["app", "updated"]
    list_select_related = ["user"]
    search_fields = ["user__username", "=id"]
    date_hierarchy = "updated"
    fields = _SHOWN
    readonly_fields = _SHOWN

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        found: QuerySet[Conversation] = super().get_queryset(request)
        return found.annotate(length=Count("messages"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Conversation | None = None) -> bool:
        return False

    @admin.display(description=_("conversation"))
    def short_id(self, conversation: Conversation) -> str:
        return str(conversation.pk)[:8]

    @admin.display(description=_("messages"), ordering="length")
    def length(self, conversation: Conversation) -> int:
        return int(conversation.length)  # type: ignore[attr-defined]  # annotated
