"""Names for sessions that may be seen: in lists, URLs and logs.

A session id is a secret, since whoever has it may hold the session. A list shows its first 8
characters (the 24 that remain are 124 bits). To address exactly one session, a page uses a handle:
those 8 characters and an HMAC of the whole id. The characters find the candidates by the store's
own index on every backend, however many sessions there are; the HMAC picks the one. It says
nothing about the id, and without the SECRET_KEY nobody can test a guessed id against it.
"""

from __future__ import annotations

from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.utils.crypto import constant_time_compare, salted_hmac

from sessionstate import logins
from sessionstate.logins import Login

SHORT = 8
_PAGE = 5  # ids are random, so two that share even 7 characters are rare


def handle_of(session_id: str) -> str:
    mac = salted_hmac("sessionstate.handles", session_id, algorithm="sha256").hexdigest()[:32]
    return f"{session_id[:SHORT]}-{mac}"


def resolve(handle: str) -> Login | None:
    """The live session of this handle."""
    for login in starting_with(handle[:SHORT]):
        if constant_time_compare(handle_of(login.id), handle):
            return login
    return None


def starting_with(prefix: str) -> list[Login]:
    """The live sessions whose ids begin so; none for less than 8 characters."""
    if len(prefix) < SHORT or not set(prefix) <= set(VALID_KEY_CHARS):
        return []
    found = []
    # From a character earlier, because a page begins after what it is given, and a whole id is a
    # prefix too.
    start = after = prefix[:-1]
    while page := logins.live(after=after, limit=_PAGE):
        found += [login for login in page if login.id.startswith(prefix)]
        after = page[-1].id
        if not after.startswith(start):
            break
    return found
