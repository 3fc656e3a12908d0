"""How often one may fail to sign in: allauth's limits, counted in one way at every door.

Three counts, all in the cache, which the processes of a site share: attempts of an address,
failures of an address, and failures of a user whatever the address. The last would let anybody lock
anybody out. So a user's failures at an address where they have signed in lately are counted
apart: who attacks from elsewhere closes elsewhere only.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from datetime import timedelta
from typing import cast

from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import ratelimit
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sessionstate.clock import now

from .audit import record
from .conf import conf
from .models import AuditEvent, Lockout

logger = logging.getLogger(__name__)

_APP = "allauth.account"
# Every limit of one address is by the minute.
RETRY_AFTER = 60


class TooManyAttempts(ImmediateHttpResponse):  # type: ignore[misc]  # allauth has no types
    """`retry_after` is in seconds. Where nobody catches it, allauth's middleware answers with the
    page 429."""

    def __init__(self, request: HttpRequest, retry_after: int = RETRY_AFTER) -> None:
        Exception.__init__(self, "Too many attempts")
        self.request = request
        self.retry_after = retry_after

    @property
    def response(self) -> HttpResponse:
        return too_many(self.request, self.retry_after)


def too_many(request: HttpRequest, retry_after: int = RETRY_AFTER) -> HttpResponse:
    """The page 429, also as the URLconf's `handler429`."""
    response = render(request, "429.html", status=429)
    response["Retry-After"] = str(retry_after)
    return response


def find_user(login: str) -> AbstractBaseUser | None:
    """Whom allauth would try the password of, by user name or e-mail address. Both are looked
    up in any case: a name that exists takes as long as one that does not."""
    login = login.strip()
    if not login or "\x00" in login:
        return None
    by_email = filter_users_by_email(login, prefer_verified=True, for_login=True)
    by_name = get_user_by_username(login)
    return cast("AbstractBaseUser | None", by_name or next(iter(by_email), None))


def count_key(request: HttpRequest, login: str) -> str:
    """What failures with this name, sent from this address, are counted under."""
    user = find_user(login)
    address = ratelimit.get_ip(request)
    lately = AuditEvent.objects.filter(
        kind="signed_in",
        user_id=str(user.pk) if user else "nobody",
        at__gte=now() - timedelta(days=conf.known_address_days),
    )
    known = set(lately.values_list("ip", flat=True).order_by().distinct()[:200])
    if user is None:
        return f"name:{login.strip().lower()}"
    if address in map(ratelimit.truncate_ip, known):
        return f"user:{user.pk}@{address}"
    return f"user:{user.pk}"


def consume_attempt(request: HttpRequest) -> None:
    """Of the address, whoever it is for. Raises `TooManyAttempts`."""
    if not ratelimit.consume(request, app=_APP, action="login"):
        raise TooManyAttempts(request, wait(request, "login"))


def wait(request: HttpRequest, action: str, key: str | None = None) -> int:
    """Seconds until the next attempt is let through, at least 1."""
    seconds = 1.0
    for rate in ratelimit.get_rates(app=_APP, action=action):
        if rate.per == "key" and key is None:
            continue
        name = ratelimit.get_cache_key(request, app=_APP, action=action, rate=rate, key=key)
        history = cache.get(name, [])
        if len(history) >= rate.amount:
            seconds = max(seconds, history[rate.amount - 1] + rate.duration - time.time())
    return math.ceil(seconds)


def lock_out(request: HttpRequest, login: str) -> TooManyAttempts:
    """What to raise; the first time it is noted for the admin and in the audit trail."""
    key, ip = count_key(request, login), _ip(request)
    seconds = wait(request, "login_failed", key)
    try:
        if cache.add(_mark(key, ip), 1, seconds):
            _note(request, find_user(login), key, ip, seconds)
    except Exception:
        logger.exception("A lockout could not be noted")
    return TooManyAttempts(request, seconds)


def _note(
    request: HttpRequest, user: AbstractBaseUser | None, key: str, ip: str, seconds: int
) -> None:
    Lockout.objects.filter(until__lte=now()).delete()
    Lockout.objects.update_or_create(
        key=key[:400],
        ip=ip,
        defaults={
            "user_id": str(user.pk) if user else "",
            "username": user.get_username() if user else "",
            "since": now(),
            "until": now() + timedelta(seconds=seconds),
        },
    )
    record("locked_out", user=user, request=request, seconds=seconds)


def unlock(lockout: Lockout) -> None:
    """Forgets the failures of the user and of the address."""
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = lockout.ip
    ratelimit.clear(request, app=_APP, action="login_failed", key=lockout.key)
    cache.delete(_mark(lockout.key, lockout.ip))
    lockout.delete()
    record("unlocked", user_id=lockout.user_id, username=lockout.username, address=lockout.ip)


def _ip(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR") or "")[:45]


def _mark(key: str, ip: str) -> str:
    return "accounts.lockout:" + hashlib.sha256(f"{key} {ip}".encode()).hexdigest()
