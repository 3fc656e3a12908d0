"""The pair of tokens a program gets, and how a refresh token turns into the next pair.

A session has one valid refresh token. Presented again after it was used, it has been copied, and
nobody can tell the copy from the original: the session ends. A program that refreshes from several
threads at once presents it twice as well. So the winner's answer is held back for
`ACCOUNTS_REFRESH_SETTLE` seconds: what arrives before is a race and only loses; what arrives later
was sent by somebody who could have had the answer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from sessionstate import logins
from sessionstate.clock import timestamp
from sessionstate.conf import conf as state_conf
from sessionstate.engine import SessionStore
from sessionstate.errors import SessionGone
from sessionstate.tickets import BadTicket, Ticket

from .audit import record
from .conf import conf
from .identity import NotAuthenticated, identify_ticket
from .tokens import AccessToken, RefreshToken, issue, read

_KEY = "_refresh"


@dataclass(frozen=True, slots=True)
class Pair:
    access: str
    refresh: str
    expires_in: int
    session_id: str


def first_pair(session: SessionStore) -> Pair:
    """For a new login; a pair given out for the session before is void."""
    jti = uuid4().hex
    session[_KEY] = {"jti": jti}
    session.save()  # a token never names what is not stored
    return _pair(session, jti)


def rotate(
    raw: str, *, arrived: float, request: HttpRequest | None = None
) -> tuple[AbstractBaseUser, Pair]:
    """The next pair. `arrived` is when the request came in.

    Raises `BadTicket` and `NotAuthenticated`.
    """
    claims = read(RefreshToken, raw)
    found = identify_ticket(Ticket(claims.session_id, claims.user_id, "bearer"), request=request)
    session, jti = found.session, uuid4().hex
    try:
        with session.atomic():
            state = session.get(_KEY, {})
            won = claims.jti == state.get("jti")
            raced = claims.jti == state.get("previous") and arrived <= state["settled"]
            settled = timestamp() + conf.refresh_settle
            if won:
                session[_KEY] = {"jti": jti, "previous": claims.jti, "settled": settled}
    except SessionGone:
        raise NotAuthenticated("ended") from None
    if raced:
        raise BadTicket("The token has just been refreshed by another request")
    if not won:
        record("token_reused", user=found.user, session_id=claims.session_id)
        logins.revoke(claims.session_id)
        raise NotAuthenticated("ended", "The token has been used before; its session was ended")
    pair = _pair(session, jti)
    time.sleep(max(0.0, settled - timestamp()))
    return found.user, pair


def _pair(session: SessionStore, jti: str) -> Pair:
    assert session.session_key and session.info
    left = timedelta(seconds=session.info.created + state_conf.absolute_age - timestamp())
    access_age = min(conf.access_age, left)

    def token(kind: type[AccessToken] | type[RefreshToken], age: timedelta, jti: str) -> str:
        return issue(
            kind,
            session_id=session.session_key or "",
            user_id=session["_auth_user_id"],
            lifetime=age,
            jti=jti,
        )

    return Pair(
        access=token(AccessToken, access_age, uuid4().hex),
        refresh=token(RefreshToken, min(conf.refresh_age, left), jti),
        expires_in=int(access_age.total_seconds()),
        session_id=session.session_key,
    )
