"""`POST <app>/login`: `gradio_client.Client(url, auth=("ada", "pw"))` signs in as it does anywhere.

Gradio's clients send the password as a form, keep the cookies of the answer, and never learn that a
cookie was renewed. So a program gets a cookie that is good until the session's absolute limit; and
since its requests, unlike a browser's, do not say where they come from, that cookie is refused
to whatever says so (see `gate`).
"""

from functools import cache
from typing import cast

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import resolve_url
from django.urls import ResolverMatch
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from accounts.origin import is_cross_site, is_from_browser
from accounts.problems import CONTENT_TYPE, problem
from accounts.signin import WRONG, SignInFailed, StepsMissing, TooManyAttempts, sign_in
from accounts.tickets import FOR_PROGRAM
from gradio_ui.problems import Problem
from sessionstate.engine import SessionStore

MAX_BYTES = 64 * 1024


async def login(slug: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers the app's `/login`. Who opens it in a browser is led to the site's own page."""
    if scope["method"] != "POST":
        target = f"{resolve_url(settings.LOGIN_URL)}?next=/gradio/{slug}/"
        return await RedirectResponse(target, 302)(scope, receive, send)
    length = Headers(scope=scope).get("content-length", "")
    if not length.isascii() or not length.isdecimal() or int(length) > MAX_BYTES:
        too_long = Problem(413, "Content too large", f"At most {MAX_BYTES} bytes are read here.")
        return await too_long.json()(scope, receive, send)
    await _door()(scope, receive, send)


class _Door(ASGIHandler):
    """Django, middleware and all, with the one view."""

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        return ResolverMatch(_sign_in, (), {})


@cache
def _door() -> ASGIApp:
    return cast("ASGIApp", _Door())


@csrf_exempt
@sensitive_post_parameters()
@sensitive_variables()
def _sign_in(request: HttpRequest) -> HttpResponse:
    by_program = not is_from_browser(request.headers)
    if by_program:
        # Not the session of a cookie that came along: nobody has said that it is theirs.
        client = cast(SessionStore, request.session).client
        request.session = SessionStore()
        request.session.client = client
    elif is_cross_site("POST", request.headers, request.get_host(), request.scheme or ""):
        return _problem(403, "This request was not sent from a page of this site.")
    try:
        sign_in(request, request.POST.get("username", ""), request.POST.get("password", ""))
    except SignInFailed:
        return _problem(401, WRONG)
    except TooManyAttempts as error:
        refusal = _problem(429, "Too many attempts. Try again later.")
        refusal["Retry-After"] = str(error.retry_after)
        return refusal
    except StepsMissing:
        return _problem(
            403,
            "Signing in needs a further step, which this client does not know. "
            "Use an API key, or an access token from POST /api/auth/login.",
        )
    if by_program:
        request.session[FOR_PROGRAM] = True
    return JsonResponse({"success": True})


def _problem(status: int, detail: str) -> HttpResponse:
    return JsonResponse(problem(status, "", detail), status=status, content_type=CONTENT_TYPE)
