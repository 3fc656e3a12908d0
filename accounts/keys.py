"""API keys as they travel: `gsk_<prefix>_<secret>`.

The prefix names a key in lists and logs. The secret has 256 random bits, so a plain SHA-256 of the
whole is as good as a slow hash, and can be looked up.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field

from sessionstate.tickets import BadTicket, Ticket

START = "gsk_"
_FORM = re.compile(rf"{START}([0-9a-f]{{8}})_[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True, slots=True)
class KeyTicket(Ticket):
    """A key that was presented, not yet looked up: that takes the database, and tickets are read
    on the event loop. It names no session, so to Django's own pages its bearer is a stranger."""

    digest: str = field(default="", repr=False)

    @property
    def is_visitors(self) -> bool:
        return False


def new_key() -> tuple[str, str]:
    """A key, and the prefix it is known by."""
    prefix = secrets.token_hex(4)
    return f"{START}{prefix}_{secrets.token_urlsafe(32)}", prefix


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def read_key(raw: str) -> KeyTicket:
    if not _FORM.fullmatch(raw):
        raise BadTicket("API key is malformed")
    return KeyTicket("", None, "bearer", digest=digest_of(raw))
