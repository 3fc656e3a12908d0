"""What people may do with their own logins; the page and the API do the same."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth import logout
from django.http import HttpRequest

from sessionstate import logins
from sessionstate.devices import describe
from sessionstate.logins import Login

from .models import ApiKey
from .programs import keys_of


@dataclass(frozen=True, slots=True)
class OwnSession:
    login: Login
    device: str
    current: bool
    key: ApiKey | None = None


def own_sessions(request: HttpRequest) -> list[OwnSession]:
    """The current one first, then the last used."""
    keys = {key.session_id: key for key in keys_of(request.user.pk)}
    found = [
        OwnSession(
            login,
            describe(login.user_agent),
            login.id == request.session.session_key,
            keys.get(login.id),
        )
        for login in logins.for_user(request.user.pk)
    ]
    return sorted(found, key=lambda own: not own.current)


def end_own(request: HttpRequest, session_id: str) -> bool:
    """`False` when it is not one of the user's, or gone."""
    if session_id == request.session.session_key:
        logout(request)
        return True
    owned = {login.id for login in logins.for_user(request.user.pk)}
    return session_id in owned and logins.revoke(session_id)


def end_others(request: HttpRequest) -> int:
    return logins.revoke_user(request.user.pk, except_id=request.session.session_key)
