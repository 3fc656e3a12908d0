"""Verifiers that ship: a login counts only where it began. For `SESSIONSTATE_VERIFIERS`.

Both need a sign-in that happened while they were in force; logins from before are refused.
Visitors' sessions and those of API keys, which began with no sign-in, pass.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from sessionstate.conf import conf
from sessionstate.engine import SessionStore

from .programs import MARK as API_KEY

_PIN = "_pin"


def same_address(session: SessionStore, request: HttpRequest) -> bool:
    """Throws out who changes networks: phones do, several times a day."""
    return _same(session, "address", _address(request))


def same_user_agent(session: SessionStore, request: HttpRequest) -> bool:
    """Throws out whose browser was updated. Whoever stole a ticket may have copied the header."""
    return _same(session, "user_agent", _user_agent(request))


def _same(session: SessionStore, name: str, value: str) -> bool:
    if SESSION_KEY not in session or API_KEY in session:
        return True
    return hmac.compare_digest(str(session.get(_PIN, {}).get(name)).encode(), value.encode())


@receiver(user_logged_in)
def _note(*, request: HttpRequest | None = None, **_: Any) -> None:
    if request is not None and conf.verifiers:
        request.session[_PIN] = {
            "address": _address(request),
            "user_agent": _user_agent(request),
        }


def _address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR") or ""


def _user_agent(request: HttpRequest) -> str:
    return hashlib.sha256(request.headers.get("User-Agent", "").encode()).hexdigest()
