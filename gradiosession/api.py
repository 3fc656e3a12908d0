"""The one NinjaAPI. Every error it answers is a problem document (RFC 9457)."""

from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from accounts.api import router
from accounts.problems import problem
from sessionstate.errors import StoreUnavailable

api = NinjaAPI(
    title="Gradio Session",
    version="1",
    description="Sign in, and read or change the session that your Gradio apps see.",
    urls_namespace="api",
)
api.add_router("", router)


def _answer(status: int, detail: str) -> HttpResponse:
    title = HTTPStatus(status).phrase
    return JsonResponse(
        problem(status, title, detail), status=status, content_type="application/problem+json"
    )


@api.exception_handler(AuthenticationError)
def _unauthenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return _answer(401, "Not authenticated")


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _answer(error.status_code, str(error))


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    # Not the whole error: it repeats the input, and an input may be a password.
    reasons = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors)
    return _answer(422, "; ".join(reasons))


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return _answer(404, str(error) if settings.DEBUG else "Not found")


@api.exception_handler(StoreUnavailable)
def _unavailable(request: HttpRequest, error: StoreUnavailable) -> HttpResponse:
    return _answer(503, "The session store does not answer; try again later.")
