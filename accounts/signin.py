"""Signing in with a password where there is no page: allauth's rules without its redirects."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from allauth.account.stages import LoginStageController
from allauth.core import ratelimit
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.stages import AuthenticateStage
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest


class SignInFailed(Exception):
    """Unknown user, wrong password or disabled: never said which."""


class TooManyAttempts(Exception):
    """The limits of the sign-in page, counted together with it."""


class StepsMissing(Exception):
    """The password was right, and the page would now ask for more: a confirmed address, say."""


class CodeMissing(StepsMissing):
    """The password was right; the second factor's code is asked for."""


class CodeWrong(Exception):
    """The password was right, the code was not."""


def sign_in(
    request: HttpRequest, login: str, password: str, *, code: str = "", remember: bool = False
) -> AbstractBaseUser:
    """Signs in on `request`, which rotates its session's id. `code` is the second factor's."""
    if not ratelimit.consume(request, action="login"):
        raise TooManyAttempts
    adapter = get_adapter(request)
    try:
        user: AbstractBaseUser | None = adapter.authenticate(
            request, username=login.strip(), password=password
        )
    except ValidationError as error:
        raise TooManyAttempts from error
    if user is None:
        raise SignInFailed
    stages = LoginStageController(request, Login(user=user))
    try:
        while stages.handle():
            _pass(stages, user, code)
    except (StepsMissing, CodeWrong, TooManyAttempts):
        clear_login(request)
        if request.session.session_key is None:
            request.session.clear()
        raise
    adapter.login(request, user)
    record_authentication(request, user, method="password", username=user.get_username())
    request.session.set_expiry(remember_age() if remember else 0)
    return user


def _pass(stages: LoginStageController, user: AbstractBaseUser, code: str) -> None:
    """Gets over the step at which the page would stop now."""
    key = stages.state["current"]
    if key != AuthenticateStage.key:
        raise StepsMissing
    if not code:
        raise CodeMissing
    form = AuthenticateForm(user=user, data={"code": code})
    if not form.is_valid():
        limited = form.has_error("code", code="too_many_login_attempts")
        raise TooManyAttempts if limited else CodeWrong
    form.save()
    stages.set_handled(key)


def remember_age() -> int:
    """Seconds without use after which a remembered login ends."""
    return int(getattr(settings, "ACCOUNT_SESSION_COOKIE_AGE", settings.SESSION_COOKIE_AGE))
