"""`session_revoked` is sent with `session_id` and `user_id` (both `str`; the latter may be "")
after a session was ended before its time: by its owner, an operator or a reused refresh token.

`values_changed` is sent with `address` and `keys` after changes of a record were written."""

from django.dispatch import Signal

session_revoked = Signal()
values_changed = Signal()
