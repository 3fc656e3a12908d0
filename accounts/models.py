from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from sessionstate.clock import now


class ApiKeys(models.QuerySet["ApiKey"]):
    def standing(self) -> ApiKeys:
        """Neither revoked nor expired."""
        return self.filter(Q(expires=None) | Q(expires__gt=now()), revoked=None)


class ApiKey(models.Model):
    """A program's way in as a user. The key itself is stored nowhere, only its SHA-256."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys"
    )
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=8)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    apps = models.JSONField(default=list, blank=True, help_text="Slugs; empty: all of the user's.")
    write = models.BooleanField(default=True)
    created = models.DateTimeField(default=now)
    expires = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True)
    # The session that the key has in the registry of logins; "" before its first use.
    session_id = models.CharField(max_length=40, blank=True, editable=False)

    objects = ApiKeys.as_manager()

    class Meta:
        ordering = ["-created", "-pk"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.shown})"

    @property
    def shown(self) -> str:
        """What is left to see of the key."""
        return f"gsk_{self.prefix}_…"

    @property
    def has_expired(self) -> bool:
        return self.expires is not None and self.expires <= now()
