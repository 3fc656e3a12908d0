"""Which keys of a session are whose."""

from __future__ import annotations

from sessionstate.conf import conf


def is_public(key: object) -> bool:
    """Whether callbacks and API clients may see and change this key. The others belong to the
    framework: who may write them could sign in as somebody else, or confirm an address."""
    return isinstance(key, str) and not key.startswith(("_", *conf.reserved_prefixes))
