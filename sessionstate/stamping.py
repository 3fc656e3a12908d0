"""What is noted of a session beside its values: when and from where it was used, until when it
lasts, whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth import SESSION_KEY as AUTH_KEY

from sessionstate.backends.base import Info, Stamp
from sessionstate.clock import timestamp
from sessionstate.lifetime import session_expires

if TYPE_CHECKING:
    from sessionstate.mapping import Values


@dataclass(frozen=True, slots=True)
class Client:
    """Who uses the session, as far as the request says; shown in the registry of logins."""

    ip: str = ""
    user_agent: str = ""


def session_stamp(values: Values, info: Info | None, client: Client | None = None) -> Stamp:
    """What a use of a session now writes beside its values."""
    now = timestamp()
    created = info.created if info else now
    return Stamp(
        used=now,
        expires=session_expires(values.get("_session_expiry"), used=now, created=created),
        owner=str(values.get(AUTH_KEY, "")),
        ip=client.ip if client else None,
        user_agent=client.user_agent[:200] if client else None,
    )
