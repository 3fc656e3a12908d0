"""The audit trail and the lockouts in the admin: to be read, and to unlock."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from sessionstate.clock import now
from sessionstate.devices import describe

from .audit import DOORS, KINDS
from .models import AuditEvent, Lockout
from .throttle import unlock


class _ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class _KindFilter(admin.SimpleListFilter):
    title = _("event")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return list(KINDS.items())

    def queryset(self, request: HttpRequest, events: Any) -> Any:
        return events.filter(kind=self.value()) if self.value() else events


class _DoorFilter(admin.SimpleListFilter):
    title = _("door")
    parameter_name = "door"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return list(DOORS.items())

    def queryset(self, request: HttpRequest, events: Any) -> Any:
        return events.filter(door=self.value()) if self.value() else events


@admin.register(AuditEvent)
class AuditEventAdmin(_ReadOnly):
    list_display = ("at", "event", "who", "actor", "way", "ip", "device", "session", "more")
    list_filter = (_KindFilter, _DoorFilter, ("at", admin.DateFieldListFilter))
    search_fields = ("username", "actor", "ip", "session")
    search_help_text = _("User name, address, or the first 8 characters of a session id.")
    fields = readonly_fields = (*list_display, "user_id", "user_agent")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("event"), ordering="kind")
    def event(self, event: AuditEvent) -> str:
        return str(KINDS.get(event.kind, event.kind))

    @admin.display(description=_("user"), ordering="username")
    def who(self, event: AuditEvent) -> str:
        return event.username or "-"

    @admin.display(description=_("door"), ordering="door")
    def way(self, event: AuditEvent) -> str:
        return str(DOORS.get(event.door, event.door))

    @admin.display(description=_("device"))
    def device(self, event: AuditEvent) -> str:
        return describe(event.user_agent) if event.user_agent else "-"

    @admin.display(description=_("details"))
    def more(self, event: AuditEvent) -> str:
        return "; ".join(f"{name}: {_words(value)}" for name, value in event.details.items())


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@admin.register(Lockout)
class LockoutAdmin(_ReadOnly):
    """Those of this moment. Who may change one may unlock it."""

    list_display = ("username", "ip", "counted", "since", "until")
    search_fields = ("username", "ip")
    fields = readonly_fields = list_display
    actions = ["unlock_selected"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(until__gt=now())

    @admin.display(description=_("counts"))
    def counted(self, lockout: Lockout) -> str:
        if lockout.key.startswith("name:"):
            return gettext("a name that nobody has")
        return gettext("at this address") if "@" in lockout.key else gettext("at unknown addresses")

    @admin.action(description=_("Unlock"), permissions=["change"])
    def unlock_selected(self, request: HttpRequest, lockouts: QuerySet[Lockout]) -> None:
        chosen = list(lockouts)
        for lockout in chosen:
            unlock(lockout)
        said = gettext("Unlocked: %(count)s.") % {"count": len(chosen)}
        self.message_user(request, said, messages.SUCCESS)
