"""What can go wrong with stored state, each error named for the rule it keeps."""

from __future__ import annotations

from django.contrib.sessions.backends.base import CreateError, UpdateError

__all__ = [
    "LockTimeout",
    "NotStorable",
    "RevocationPending",
    "SessionExists",
    "SessionGone",
    "StateError",
    "StateTooLarge",
    "StoreFull",
    "StoreUnavailable",
    "Unreadable",
    "VersionConflict",
]


class StateError(Exception):
    """Base of everything this package raises about stored state."""


class SessionGone(StateError, UpdateError):
    """The record was revoked or expired meanwhile; a save never brings it back."""


class SessionExists(StateError, CreateError):
    """A record of this id is there already."""


class StateTooLarge(StateError):
    """The save would take the record over its limit; the stored record is as it was."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the state would take {size} bytes, the limit is {limit}")
        self.size = size
        self.limit = limit


class NotStorable(StateError, TypeError):
    """A value (or key) of a kind that cannot be stored; nothing was written."""

    def __init__(self, key: object, type_name: str, reason: str = "") -> None:
        super().__init__(
            f"{key!r} holds a {type_name}, which cannot be stored"
            + (f": {reason}" if reason else "")
        )
        self.key = key
        self.type_name = type_name


class Unreadable(StateError):
    """The stored value of one key is damaged or of an unknown kind; other keys stay readable."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"the stored value of {key!r} cannot be read: {reason}")
        self.key = key


class StoreUnavailable(StateError):
    """The store did not answer in time. Never taken for an empty or anonymous session."""


class StoreFull(StoreUnavailable):
    """The store has no room for the write; what it holds is as it was."""


class RevocationPending(StoreUnavailable):
    """The store could not take a revocation. It is noted, and applied before anybody is served
    from that store again."""


class LockTimeout(StateError):
    """`atomic()` did not get its lock in time, or lost it before it could save."""


class VersionConflict(StateError):
    """The record is no longer at the version that the caller named."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"the state is at version {found}, not {expected}")
        self.expected = expected
        self.found = found
