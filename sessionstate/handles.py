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
# Ids are random: this many that share 7 characters would take 10^12 sessions.
_CANDIDATES = 100


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
    # From a character earlier, because a page begins after what it is given and a whole id is a
    # prefix too.
    page = logins.live(after=prefix[:-1], limit=_CANDIDATES)
    return [login for login in page if login.id.startswith(prefix)]
