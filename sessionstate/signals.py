"""`session_revoked` is sent with `session_id` and `user_id` (both `str`; the latter may be "")
after a session was ended before its time: by its owner, an operator or a reused refresh token.

`session_moved` is sent with `old_id` and `new_id` when a session goes on under another id, as it
does at every sign-in, before the old one ends.

`values_changed` is sent with `address` and `keys` after changes of a record were written."""

from django.dispatch import Signal

session_revoked = Signal()
session_moved = Signal()
values_changed = Signal()
