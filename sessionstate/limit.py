"""At most so many logins of a user at a time (`SESSIONSTATE_MAX_PER_USER`): one more ends the
oldest.

Without a lock, and exact all the same: whoever signs in stores the session first and looks at all
of the user's sessions afterwards. The last one to look sees all of them, and everybody ranks them
alike, so nobody ends one of those that stay.
"""

from __future__ import annotations

from sessionstate import logins
from sessionstate.backends import get_backend
from sessionstate.backends.base import Address, Info, Kind
from sessionstate.conf import conf

# Key of sessions that nobody signed in to: those of API keys.
NO_LOGIN = "_api_key"
_PAGE = 500


def keep_newest(user_id: str) -> None:
    """Ends the user's oldest logins, as far as there are too many."""
    infos: list[Info] = []
    backend, after = get_backend(), ""
    while page := backend.infos(Kind.SESSION, owner=user_id, after=after, limit=_PAGE):
        infos += page
        after = page[-1].id
    if len(infos) <= conf.max_per_user:
        return
    newest = sorted(infos, key=lambda info: (info.created, info.id), reverse=True)
    found = backend.load_many([Address(Kind.SESSION, info.id) for info in newest])
    counted = [
        info.id
        for info, snapshot in zip(newest, found, strict=True)
        if snapshot is not None and NO_LOGIN not in snapshot.values
    ]
    for session_id in counted[conf.max_per_user :]:
        logins.end(session_id)
