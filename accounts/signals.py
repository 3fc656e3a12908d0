"""`access_changed` is sent with `user_id` after it was committed that somebody may do more or less
than before: disabled, deleted, a new password, other groups, permissions or staff flags.

`user_id` is a `str`, or `None` when that may be true of anybody: a group was renamed or deleted,
its permissions changed, or many users were updated by one statement. It may be sent more than
once for one change, and for a change that changes nothing. `accounts.changes` says what it sees.
"""

from django.dispatch import Signal

access_changed = Signal()
