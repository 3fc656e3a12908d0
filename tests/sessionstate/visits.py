"""Sessions as people leave them, for the tests of what operators see."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User

from sessionstate.engine import SessionStore
from sessionstate.stamping import Client

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"


def person(name: str, **more: Any) -> User:
    """Cannot sign in with a password, and needs none here."""
    return User.objects.create(username=name, **more)


def visit(
    user: User | None = None, ip: str = "10.0.0.1", agent: str = FIREFOX, **values: Any
) -> str:
    """A session with these values; its id."""
    session = SessionStore()
    session.client = Client(ip, agent)
    if user is not None:
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.update(values)
    session.save()
    assert session.session_key
    return session.session_key


def lives(session_id: str) -> bool:
    return SessionStore().exists(session_id)
