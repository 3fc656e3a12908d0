"""What a visitor without an account has beside the session, and where it goes.

It follows the session to a new id, becomes the person's own when somebody signs in, and goes with
a session that ends. What is left of sessions that expired is removed by `manage.py gradio_files`.
"""

import logging
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.visitors import name_of
from gradio_ui import files, registry, storage
from sessionstate import UserState
from sessionstate.errors import StateError
from sessionstate.signals import session_moved, session_revoked

logger = logging.getLogger(__name__)


@receiver(session_moved)
def _follow(*, old_id: str, new_id: str, **_: Any) -> None:
    _hand_over_files(name_of(old_id), name_of(new_id))


@receiver(user_logged_in)
def _become(*, request: HttpRequest, user: User, **_: Any) -> None:
    session_id = request.session.session_key or ""
    _hand_over_files(name_of(session_id), str(user.pk))
    _hand_over_state(UserState.of_visitor(session_id), UserState(user.pk))


def _hand_over_files(visitor: str, heir: str) -> None:
    # To ask a storage takes a request, and most sites have no visitors.
    if not storage.is_used() or any(spec.public for spec in registry.all_apps()):
        files.hand_over(visitor, heir)


def _hand_over_state(visitors: UserState, persons: UserState) -> None:
    """What the person has already stays as it is."""
    try:
        if found := dict(visitors):
            persons.update({key: value for key, value in found.items() if key not in persons})
            persons.save()
            visitors.clear()
            visitors.save()
    except StateError as error:
        # Not a reason to keep anybody from signing in.
        logger.warning("What a visitor had stored could not be kept: %s", error)


@receiver(session_revoked)
def _forget(*, session_id: str, user_id: str, **_: Any) -> None:
    if not user_id:
        files.erase(name_of(session_id))
