"""Sign in, register, refresh, sign out, who am I."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import cast

from allauth.account import app_settings
from allauth.account.forms import SignupForm
from allauth.core import ratelimit
from allauth.utils import get_form_class
from django.contrib.auth import logout as django_logout
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from ninja import Router, Status
from ninja.errors import AuthenticationError, HttpError

from accounts.conf import conf
from accounts.identity import NotAuthenticated
from accounts.pairs import first_pair, rotate
from accounts.problems import CODE_REQUIRED
from accounts.signin import (
    WRONG,
    CodeMissing,
    CodeWrong,
    SignInFailed,
    StepsMissing,
    TooManyAttempts,
    sign_in,
)
from sessionstate.clock import timestamp
from sessionstate.engine import SessionStore
from sessionstate.tickets import BadTicket

from .errors import Refused, too_many
from .schemas import Me, Person, Problem, Refresh, Register, Registered, SignIn, Tokens
from .security import refuse_foreign_page, session_auth

router = Router()


@router.post(
    "/login", response={200: Tokens, 401: Problem, 403: Problem, 429: Problem}, summary="Sign in"
)
@sensitive_variables()
def login(request: HttpRequest, body: SignIn) -> Tokens:
    """Gives a pair of tokens, and the cookie for browsers. One answer for every failure.

    Who has a second factor gets a 401 of the type `urn:gradiosession:problem:code-required` once
    the password is right; send all of it again with `code`.
    """
    refuse_foreign_page(request)
    try:
        user = sign_in(
            request, body.username, body.password, code=body.code, remember=body.remember
        )
    except SignInFailed:
        raise HttpError(401, WRONG) from None
    except CodeMissing:
        detail = "Send the code of your second factor too."
        raise Refused(401, detail, type=CODE_REQUIRED) from None
    except CodeWrong:
        detail = "The code is not right, or was used already."
        raise Refused(401, detail, type=CODE_REQUIRED) from None
    except TooManyAttempts as error:
        raise too_many(error) from None
    except StepsMissing:
        raise HttpError(
            403, "Signing in needs a further step. Sign in on the page /accounts/login/ first."
        ) from None
    pair = first_pair(cast(SessionStore, request.session))
    return Tokens(user=Person.of(cast(User, user)), **asdict(pair))


@router.post(
    "/register",
    response={201: Registered, 403: Problem, 422: Problem, 429: Problem},
    summary="Create an account",
)
@sensitive_variables()
def register(request: HttpRequest, body: Register) -> Status[Registered]:
    """Does not sign in. An e-mail address that has an account already gets a mail that says so."""
    refuse_foreign_page(request)
    if not conf.signup_open:
        raise HttpError(403, "Sign-up is closed.")
    if not ratelimit.consume(request, action="signup"):
        raise too_many(TooManyAttempts(request))
    form_class = get_form_class(app_settings.FORMS, "signup", SignupForm)
    form = form_class(
        {
            "username": body.username,
            "email": body.email,
            "password1": body.password,
            "password2": body.password,
        }
    )
    if not form.is_valid():
        reasons = (
            f"{field.removesuffix('1')}: {' '.join(map(str, errors))}"
            for field, errors in form.errors.items()
        )
        raise HttpError(422, "; ".join(reasons))
    form.try_save(request)
    if request.session.session_key is None:
        request.session.clear()  # allauth's notes for a page that follows; there is none
    return Status(201, Registered(username=form.cleaned_data["username"]))


@router.post("/refresh", response={200: Tokens, 401: Problem}, summary="Rotate the tokens")
@sensitive_variables()
def refresh(request: HttpRequest, body: Refresh) -> Tokens:
    """Gives the next pair; the token sent is void. One that was used before ends its session."""
    arrived = timestamp()
    try:
        user, pair = rotate(body.refresh, arrived=arrived, request=request)
    except (BadTicket, NotAuthenticated) as error:
        raise AuthenticationError(message=str(error)) from None
    return Tokens(user=Person.of(cast(User, user)), **asdict(pair))


@router.post(
    "/logout",
    auth=session_auth,
    response={204: None},
    summary="Sign out",
)
def logout(request: HttpRequest) -> Status[None]:
    """Ends the session: every ticket of it, in every tab and program, is void at once."""
    django_logout(request)
    return Status(204, None)


@router.get("/me", auth=session_auth, response=Me, summary="Who am I")
def me(request: HttpRequest) -> Me:
    session = cast(SessionStore, request.session)
    assert session.session_key and session.info
    person = Person.of(cast(User, request.user))
    return Me(
        user=person,
        groups=person.groups,
        session_id=session.session_key,
        created=datetime.fromtimestamp(session.info.created, UTC),
        expires=datetime.fromtimestamp(session.info.expires, UTC),
    )
