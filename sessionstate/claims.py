"""Names that belong to the session which used them first, in every process.

A client invents such a name (of a page, of an upload), so knowing it must not be enough. A claim
ends with its session, or when nobody has used it for `SESSIONSTATE_CLAIM_AGE` seconds.
"""

from __future__ import annotations

import hashlib

from sessionstate.backends import get_backend
from sessionstate.backends.base import Address, Kind, Stamp
from sessionstate.clock import timestamp
from sessionstate.conf import conf
from sessionstate.errors import SessionExists

# A use is written down once the last one noted is this part of the age old.
_RENEW = 4


def claim(name: str, session_id: str) -> bool:
    """Whether the name is this session's, which it is from now on if it was nobody's.

    Atomic: of several sessions that claim at the same time one gets it. Raises `StoreUnavailable`.
    """
    backend, address, now = get_backend(), _address(name), timestamp()
    stamp = Stamp(used=now, expires=now + conf.claim_age, owner=session_id)
    while True:
        try:
            backend.create(address, {}, stamp, limit=conf.max_bytes)
            return True
        except SessionExists:
            found = backend.load(address)
        if found is not None:
            break  # otherwise it has ended between the two
    if found.info.owner != session_id:
        return False
    if now - found.info.used > conf.claim_age / _RENEW:
        backend.touch(address, stamp)
    return True


def is_claimed(name: str) -> bool:
    """Whether the name is anybody's. Raises `StoreUnavailable`."""
    return get_backend().load(_address(name)) is not None


def renewal_due(used: float) -> bool:
    """Whether who claimed at `used` should do it again, so that the claim stays."""
    return timestamp() - used > conf.claim_age / _RENEW


def _address(name: str) -> Address:
    # Clients choose their names, so they may be of any length and content.
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:40]
    return Address(Kind.CLAIM, digest)
