"""Tables of the `db` backend, and the model under which the admin shows live sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from sessionstate.logins import Login


class StateRecord(models.Model):
    """One session, user state or tab state. Its values are rows of `StateValue`.

    Times are epoch seconds: exact, the same on every database, and comparable in plain SQL.
    """

    kind = models.CharField(max_length=8)
    ident = models.CharField(max_length=100)
    owner = models.CharField(max_length=100, blank=True)
    created = models.FloatField()
    used = models.FloatField()
    expires = models.FloatField(db_index=True)
    ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    version = models.PositiveBigIntegerField(default=1)
    size = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "ident"], name="sessionstate_record_address")
        ]
        indexes = [models.Index(fields=["kind", "owner"], name="sessionstate_record_owner")]

    def __str__(self) -> str:
        return f"{self.kind} {self.ident[:8]}"


class StateValue(models.Model):
    """`size` is what the row counts against the limit, `grown` by how much the last write changed
    it: with it one statement can keep the record's sum exact on PostgreSQL."""

    pk = models.CompositePrimaryKey("record_id", "name")
    # No index of its own: the primary key begins with it.
    record = models.ForeignKey(
        StateRecord, on_delete=models.CASCADE, related_name="values", db_index=False
    )
    name = models.CharField(max_length=255)
    data = models.BinaryField()
    size = models.IntegerField()
    grown = models.IntegerField()

    def __str__(self) -> str:
        return self.name


class StateLock(models.Model):
    """Who holds `atomic()` of an address. Apart from the record, which need not exist yet."""

    address = models.CharField(max_length=120, primary_key=True)
    token = models.CharField(max_length=40)
    until = models.FloatField()

    def __str__(self) -> str:
        return self.address


class PendingRevocation(models.Model):
    """A session, or all sessions of a user, whose end the store could not take yet. See
    `sessionstate.graves`."""

    kind = models.CharField(max_length=8)
    ident = models.CharField(max_length=100)
    spared = models.CharField(max_length=100, blank=True)
    at = models.FloatField()

    def __str__(self) -> str:
        return f"{self.kind} {self.ident[:8]}"


class LiveSession(models.Model):
    """A live session as the admin shows it, whatever backend keeps it. It has no table: it is here
    for its permissions and for what the admin asks of a model. See `sessionstate.listing`."""

    handle = models.CharField(max_length=80, primary_key=True)
    login: Login
    user_name: str
    own: bool  # the session of the person who looks

    class Meta:
        managed = False
        default_permissions = ("view", "delete")
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return f"{self.login.short_id} ({self.user_name})"
