"""`session_revoked` is sent with `session_id` and `user_id` (both `str`; the latter may be "")
after a session was ended before its time: by its owner, an operator or a reused refresh token."""

from django.dispatch import Signal

session_revoked = Signal()
