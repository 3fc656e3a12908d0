from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sessionstate.clock import now


class ApiKeys(models.QuerySet["ApiKey"]):
    def standing(self) -> ApiKeys:
        """Neither revoked nor expired."""
        return self.filter(Q(expires=None) | Q(expires__gt=now()), revoked=None)


class ApiKey(models.Model):
    """A program's way in as a user. The key itself is stored nowhere, only its SHA-256."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_keys",
        verbose_name=_("user"),
    )
    name = models.CharField(max_length=100, verbose_name=_("name"))
    prefix = models.CharField(max_length=8)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    apps = models.JSONField(default=list, blank=True, help_text="Slugs; empty: all of the user's.")
    write = models.BooleanField(default=True, verbose_name=_("write"))
    created = models.DateTimeField(default=now, verbose_name=_("created"))
    expires = models.DateTimeField(null=True, blank=True, verbose_name=_("expires"))
    last_used = models.DateTimeField(null=True, blank=True, verbose_name=_("last used"))
    revoked = models.DateTimeField(null=True, blank=True, verbose_name=_("revoked"))
    # The session that the key has in the registry of logins; "" before its first use.
    session_id = models.CharField(max_length=40, blank=True, editable=False)

    objects = ApiKeys.as_manager()

    class Meta:
        ordering = ["-created", "-pk"]
        verbose_name, verbose_name_plural = _("API key"), _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.shown})"

    @property
    def shown(self) -> str:
        """What is left to see of the key."""
        return f"gsk_{self.prefix}_…"

    @property
    def has_expired(self) -> bool:
        return self.expires is not None and self.expires <= now()


class AuditEvent(models.Model):
    """One line of the audit trail: who did what, when and from where. Written once.

    People are noted by id and name, not by foreign key: what somebody did stays on record when
    they are deleted. Of a session there are the first eight characters only.
    """

    at = models.DateTimeField(default=now, db_index=True, verbose_name=_("time"))
    kind = models.CharField(max_length=40, db_index=True, verbose_name=_("event"))
    user_id = models.CharField(max_length=64, blank=True, verbose_name=_("user id"))
    username = models.CharField(max_length=150, blank=True, verbose_name=_("user"))
    # Who did it, when that was somebody else.
    actor = models.CharField(max_length=150, blank=True, verbose_name=_("by"))
    door = models.CharField(max_length=16, blank=True, verbose_name=_("door"))
    ip = models.CharField(max_length=45, blank=True, verbose_name=_("address"))
    user_agent = models.CharField(max_length=200, blank=True, verbose_name=_("user agent"))
    session = models.CharField(max_length=8, blank=True, verbose_name=_("session"))
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["user_id", "-at"], name="audit_of_user")]
        verbose_name, verbose_name_plural = _("audit event"), _("audit events")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.kind} {self.username}".strip()


class Lockout(models.Model):
    """Whose sign-in is refused at the moment because of too many failures. The counts themselves
    are in the cache, under names that cannot be listed."""

    key = models.CharField(max_length=400, editable=False)
    ip = models.CharField(max_length=45, verbose_name=_("address"))
    user_id = models.CharField(max_length=64, blank=True, verbose_name=_("user id"))
    username = models.CharField(max_length=150, blank=True, verbose_name=_("user"))
    since = models.DateTimeField(default=now, verbose_name=_("since"))
    until = models.DateTimeField(db_index=True, verbose_name=_("until"))

    class Meta:
        ordering = ["-since", "-pk"]
        verbose_name, verbose_name_plural = _("lockout"), _("lockouts")
        constraints = [models.UniqueConstraint(fields=["key", "ip"], name="one_lockout_each")]
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        return f"{self.username or 'unknown user'} from {self.ip}"
