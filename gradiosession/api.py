"""The one NinjaAPI. Every error it answers is a problem document (RFC 9457)."""

from __future__ import annotations

import logging
from typing import Any, cast

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import RequestDataTooBig
from django.core.signals import got_request_exception
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser
from ninja.types import DictStrAny
from pydantic import Field

from accounts import visitors
from accounts.api import router, session_auth
from accounts.api.schemas import Problem
from accounts.conf import conf
from accounts.models import ApiKey
from gradio_ui.chats.api import router as chats
from gradio_ui.registry import permitted
from gradiosession.headers import as_documentation
from gradiosession.openapi import complete
from gradiosession.problems import OUTAGES, answer
from gradiosession.routers import add_installed
from sessionstate.engine import SessionStore
from sessionstate.errors import StoreUnavailable
from sessionstate.outage import RETRY_AFTER
from sessionstate.tickets import Ticket

logger = logging.getLogger(__name__)

NOT_JSON = "Send the body as application/json."


class _JSON(Parser):
    def parse_body(self, request: HttpRequest) -> DictStrAny:
        kind = request.content_type or ""
        if kind != "application/json" and not kind.endswith("+json"):
            raise HttpError(415, NOT_JSON)
        return super().parse_body(request)


class _API(NinjaAPI):
    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        return complete(super().get_openapi_schema(**options))


api = _API(
    title="Gradio Session",
    version="1",
    description="Sign in, and read or change the session that your Gradio apps see.",
    urls_namespace="api",
    docs_decorator=as_documentation,
    parser=_JSON(),
)
api.add_router("", router)
api.add_router("/chats", chats)
add_installed(api)  # last: no app gets in the way of the project's own paths


def visitor(request: HttpRequest) -> bool:
    """Nobody is signed in, nobody says to be, and there is something to see."""
    ticket: Ticket | None = getattr(request, "ticket", None)
    session = cast(SessionStore, request.session)
    is_visitor = not session.ticket_error if ticket is None else ticket.is_visitors
    return is_visitor and bool(permitted(AnonymousUser()))


class App(Schema):
    slug: str = Field(examples=["assistant"])
    title: str
    description: str
    icon: str
    url: str = Field(description="For browsers and for `gradio_client.Client`")


@api.get(
    "/apps",
    auth=[visitor, *session_auth],
    response=list[App],
    tags=["apps"],
    summary="Apps I may open",
)
def apps(request: HttpRequest) -> list[App]:
    """In the order of the start page; for an API key, those it is meant for; without an account,
    those that are public, and 401 where there are none."""
    key: ApiKey | None = getattr(request, "api_key", None)
    return [
        App(
            slug=spec.slug,
            title=str(spec.title),
            description=str(spec.description),
            icon=spec.icon,
            url=f"/gradio/{spec.slug}/",
        )
        for spec in permitted(request.user)
        if key is None or not key.apps or spec.slug in key.apps
    ]


class Visit(Schema):
    access: str = Field(description="For `Authorization: Bearer`, in apps that are public")
    expires_in: int = Field(description="Seconds")


@api.post(
    "/auth/visit",
    response={200: Visit, 403: Problem},
    tags=["auth"],
    summary="Use public apps without an account",
)
def visit(request: HttpRequest) -> Visit:
    """A token for programs; browsers are given a cookie. A session begins with its first use in
    an app. 403 where no app is public."""
    if not permitted(AnonymousUser()):
        raise HttpError(403, "No app of this site is open without an account.")
    return Visit(access=visitors.token(), expires_in=conf.visitor_age)


@api.exception_handler(AuthenticationError)
def _unauthenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return answer(401, "Not authenticated")


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, HttpError):  # ninja takes what the parser says for bad JSON
        error = error.__cause__
    response = answer(error.status_code, str(error), type=getattr(error, "type", "about:blank"))
    for name, value in getattr(error, "headers", {}).items():
        response[name] = value
    return response


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    # Not the whole error: it repeats the input, and an input may be a password.
    reasons = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors)
    return answer(422, "; ".join(reasons))


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return answer(404)


@api.exception_handler(RequestDataTooBig)
def _too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return answer(413, "The body is too large.")


def _unavailable(request: HttpRequest, error: Any) -> HttpResponse:
    response = answer(503, "The session store does not answer; try again later.")
    response["Retry-After"] = str(RETRY_AFTER)
    return response


for _outage in (StoreUnavailable, *OUTAGES):
    api.add_exception_handler(_outage, _unavailable)


@api.exception_handler(Exception)
def _unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    """The log has the details, in development too; the client has none."""
    got_request_exception.send(sender=None, request=request)
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return answer(500)
