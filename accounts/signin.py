"""Signing in with a password where there is no page: allauth's rules without its redirects."""

from __future__ import annotations

import time

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from allauth.account.stages import LoginStageController
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.stages import AuthenticateStage
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from .throttle import TooManyAttempts, consume_attempt

__all__ = [
    "CodeMissing",
    "CodeWrong",
    "SignInFailed",
    "StepsMissing",
    "TooManyAttempts",
    "reauthenticate",
    "remember_age",
    "sign_in",
    "signed_in_lately",
]


# The one message of all failures.
WRONG = "The user name or the password is not right."


class SignInFailed(Exception):
    """Unknown user, wrong password or disabled: never said which."""


class StepsMissing(Exception):
    """The password was right, and the page would now ask for more: a confirmed address, say."""


class CodeMissing(StepsMissing):
    """The password was right; the second factor's code is asked for."""


class CodeWrong(Exception):
    """The password was right, the code was not."""


def sign_in(
    request: HttpRequest, login: str, password: str, *, code: str = "", remember: bool = False
) -> AbstractBaseUser:
    """Signs in on `request`, which rotates its session's id. `code` is the second factor's.

    Raises `SignInFailed`, `CodeMissing`, `CodeWrong`, `StepsMissing`, `TooManyAttempts`.
    """
    with context.request_context(request):
        consume_attempt(request)
        adapter = get_adapter(request)
        user: AbstractBaseUser | None = adapter.authenticate(
            request,
            username=login.replace("\0", "\N{REPLACEMENT CHARACTER}").strip(),
            password=password,
        )
        if user is None:
            raise SignInFailed
        stages = LoginStageController(request, Login(user=user))
        try:
            while stages.handle():
                _pass(request, stages, user, code)
        except (StepsMissing, CodeWrong, TooManyAttempts):
            clear_login(request)
            if request.session.session_key is None:
                request.session.clear()
            raise
        adapter.login(request, user)
        record_authentication(request, user, method="password", username=user.get_username())
        request.session.set_expiry(remember_age() if remember else 0)
    return user


def _pass(
    request: HttpRequest, stages: LoginStageController, user: AbstractBaseUser, code: str
) -> None:
    """Gets over the step at which the page would stop now."""
    key = stages.state["current"]
    if key != AuthenticateStage.key:
        raise StepsMissing
    if not code:
        raise CodeMissing
    form = AuthenticateForm(user=user, data={"code": code})
    if not form.is_valid():
        if form.has_error("code", code="too_many_login_attempts"):
            raise TooManyAttempts(request)
        raise CodeWrong
    form.save()
    stages.set_handled(key)


def signed_in_lately(request: HttpRequest) -> bool:
    """Whether the session's user has proven who they are in the last minutes
    (`ACCOUNT_REAUTHENTICATION_TIMEOUT`)."""
    times = [record.get("at", 0.0) for record in get_authentication_records(request, request.user)]
    return bool(times) and time.time() - max(times) < app_settings.REAUTHENTICATION_TIMEOUT


def reauthenticate(request: HttpRequest, password: str) -> bool:
    """Whether it is the password of who is signed in; then they have just proven who they are.

    Counted as an attempt to sign in: raises `TooManyAttempts`.
    """
    with context.request_context(request):
        consume_attempt(request)
        if not get_adapter(request).reauthenticate(request.user, password):
            return False
        record_authentication(request, request.user, method="password", reauthenticated=True)
    return True


def remember_age() -> int:
    """Seconds without use after which a remembered login ends."""
    return int(getattr(settings, "ACCOUNT_SESSION_COOKIE_AGE", settings.SESSION_COOKIE_AGE))
