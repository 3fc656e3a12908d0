"""Conversations with chat apps, one user's each."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from sessionstate.clock import now

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

TITLE_LENGTH = 80


class Conversation(models.Model):
    # In URLs, so not to be counted.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="conversations",
        verbose_name=_("user"),
    )
    app = models.CharField(max_length=50, help_text="Slug of the app.", verbose_name=_("app"))
    # Of an app that has several chats.
    chat = models.CharField(max_length=50, blank=True, verbose_name=_("chat"))
    title = models.CharField(max_length=TITLE_LENGTH, verbose_name=_("title"))
    created = models.DateTimeField(default=now, verbose_name=_("created"))
    updated = models.DateTimeField(default=now, verbose_name=_("updated"))

    messages: RelatedManager[Message]

    class Meta:
        ordering = ["-updated", "id"]
        verbose_name, verbose_name_plural = _("conversation"), _("conversations")
        indexes = [
            models.Index(fields=["user", "app", "chat", "-updated"], name="conversations_of")
        ]
        default_permissions = ("view", "delete")

    def __str__(self) -> str:
        # Not the title: the admin writes this into pages and logs.
        return f"{self.app} {str(self.pk)[:8]}"


class Message(models.Model):
    """As Gradio's Chatbot has it; files by their path. `content` is text, or a list of parts."""

    ROLES = [("user", "user"), ("assistant", "assistant"), ("system", "system")]

    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    position = models.PositiveIntegerField()
    role = models.CharField(max_length=10, choices=ROLES)
    content = models.JSONField()
    metadata = models.JSONField(null=True)
    # Stopped, failed, or the server went away before the end.
    complete = models.BooleanField(default=True)
    created = models.DateTimeField(default=now)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "position"], name="message_has_one_position"
            )
        ]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.position} {self.role}"
