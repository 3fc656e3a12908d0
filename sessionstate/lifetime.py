"""How long a record lives: the idle and the absolute limit, the same for every backend."""

from __future__ import annotations

from datetime import datetime

from sessionstate.clock import timestamp
from sessionstate.conf import conf

# A use is noted only once it is this old, so that reading does not mean a write per request.
# A twentieth of the idle limit keeps the sliding exact enough for short limits too.
TOUCH_FRACTION = 20
TOUCH_MOST = 60.0


def session_expires(custom: object, *, used: float, created: float) -> float:
    """The moment a session ends if it is not used after `used`.

    `custom` is what Django's `set_expiry` stored: seconds of idleness, an ISO date as a fixed
    end, or 0/None for the default idle limit.
    """
    if isinstance(custom, str):
        custom = datetime.fromisoformat(custom)
    if isinstance(custom, datetime):
        idle_end = custom.timestamp()
    elif isinstance(custom, int | float) and custom:
        idle_end = used + custom
    else:
        idle_end = used + conf.idle_age
    return min(idle_end, created + conf.absolute_age)


def needs_touch(*, used: float, expires: float) -> bool:
    """Whether a use now should be written down, given the last noted one."""
    return timestamp() - used > min(TOUCH_MOST, max(expires - used, 0.0) / TOUCH_FRACTION)
