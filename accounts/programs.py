"""What an API key can do: be made, be revoked, and have a session of its own.

The session begins with the first use and gives the program a state that lasts, like a person's
login. It ends with the key. When it ended otherwise (expired, signed out by an administrator), the
next use begins another: to keep a program out, revoke its key.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY, load_backend
from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.http import HttpRequest

from sessionstate import logins
from sessionstate.clock import now
from sessionstate.conf import conf as state_conf
from sessionstate.engine import SessionStore
from sessionstate.errors import SessionGone
from sessionstate.limit import NO_LOGIN
from sessionstate.stamping import Client

from .audit import record
from .identity import NotAuthenticated
from .keys import KeyTicket, digest_of, new_key
from .models import ApiKey

logger = logging.getLogger(__name__)

MOST_KEYS = 50
_NOTE_USE_EVERY = timedelta(minutes=1)
MARK = NO_LOGIN


class TooManyKeys(Exception):
    def __init__(self) -> None:
        super().__init__(f"You have {MOST_KEYS} API keys. Revoke one that you no longer use.")


def create_key(
    user: User,
    name: str,
    *,
    apps: Iterable[str] = (),
    write: bool = True,
    expires: datetime | None = None,
) -> tuple[ApiKey, str]:
    """The second is the key itself, which nobody can be shown again."""
    raw, prefix = new_key()
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if ApiKey.objects.filter(user=user).standing().count() >= MOST_KEYS:
            raise TooManyKeys
        key = ApiKey.objects.create(
            user=user,
            name=name,
            prefix=prefix,
            digest=digest_of(raw),
            apps=sorted(set(apps)),
            write=write,
            expires=expires,
        )
    logger.info("User %s created the API key %s", user.pk, prefix)
    record("key_created", user=user, key=key.shown, name=name)
    return key, raw


def keys_of(user_id: Any) -> list[ApiKey]:
    """The newest first, without the revoked."""
    return list(ApiKey.objects.filter(user_id=user_id, revoked=None))


def revoke_key(key: ApiKey) -> bool:
    """Refuses the key from now on and ends its session; `False` when that was done before."""
    done = ApiKey.objects.filter(pk=key.pk, revoked=None).update(revoked=now())
    # Read after the key is refused: a first use that came before has noted its session by now.
    key.refresh_from_db()
    if key.session_id:
        logins.revoke(key.session_id)
    if done:
        logger.info("The API key %s of user %s was revoked", key.prefix, key.user_id)
        record("key_revoked", user=key.user, key=key.shown, name=key.name)
    return bool(done)


def identify_key(
    ticket: KeyTicket, client: Client | None, request: HttpRequest | None = None
) -> tuple[AbstractBaseUser, SessionStore, ApiKey] | None:
    """`None` when the key is unknown, revoked or expired, or its user may not sign in."""
    key = ApiKey.objects.standing().filter(digest=ticket.digest).first()
    # The backend decides who may be signed in, as it does for every other session.
    user = load_backend(_backend()).get_user(key.user_id) if key else None
    session = _session(key, ticket, client, request) if key and user else None
    if key is None or user is None or session is None:
        return None
    _note_use(key, client)
    return user, session, key


def _backend() -> str:
    return settings.AUTHENTICATION_BACKENDS[0]


def _session(
    key: ApiKey, ticket: KeyTicket, client: Client | None, request: HttpRequest | None
) -> SessionStore | None:
    if (session := _standing(key, ticket, client, request)) is not None:
        return session
    fresh = SessionStore()
    fresh.client = client
    # Without the hash of a password: through Django's own login this session is nobody's, and a
    # new password leaves the keys as they are.
    fresh[SESSION_KEY] = str(key.user_id)
    fresh[BACKEND_SESSION_KEY] = _backend()
    fresh[MARK] = key.pk
    fresh.create()
    noted = ApiKey.objects.filter(pk=key.pk, session_id=key.session_id, revoked=None).update(
        session_id=fresh.session_key
    )
    if not noted:  # another request was first, or the key has just been revoked
        logins.revoke(fresh.session_key or "")
    key.refresh_from_db()
    return None if key.revoked else _standing(key, ticket, client, request)


def _standing(
    key: ApiKey, ticket: KeyTicket, client: Client | None, request: HttpRequest | None
) -> SessionStore | None:
    if not key.session_id:
        return None
    named = replace(ticket, session_id=key.session_id, user_id=str(key.user_id))
    session = SessionStore.for_ticket(named, client, request)
    if session.get(MARK) != key.pk:
        if session.ticket_error == "refused":  # not a reason to begin another
            raise NotAuthenticated("refused")
        return None
    try:
        _end_with(key, session)
    except SessionGone:
        return None
    return session


def _end_with(key: ApiKey, session: SessionStore) -> None:
    """In the last stretch of a key's life its session gets the same end."""
    if key.expires is None or "_session_expiry" in session:
        return
    if (key.expires - now()).total_seconds() < state_conf.idle_age:
        session.set_expiry(key.expires)
        session.save()
        session.modified = False


def _note_use(key: ApiKey, client: Client | None) -> None:
    moment = now()
    if key.last_used is None or moment - key.last_used >= _NOTE_USE_EVERY:
        stale = Q(last_used=None) | Q(last_used__lte=moment - _NOTE_USE_EVERY)
        noted = ApiKey.objects.filter(stale, pk=key.pk).update(last_used=moment)
        # The trail has one line a day for each key; the minute is in `last_used`.
        if noted and (key.last_used is None or key.last_used.date() != moment.date()):
            record("key_used", user=key.user, client=client, key=key.shown, name=key.name)


@receiver(post_delete, sender=ApiKey)
def _end_session(*, instance: ApiKey, **_: Any) -> None:
    """Also when the user is deleted, which deletes the keys."""
    if session_id := instance.session_id:
        transaction.on_commit(lambda: logins.revoke(session_id))
