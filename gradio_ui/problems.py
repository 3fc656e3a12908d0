"""Why a Gradio URL shows no app: JSON for programs, a page of the site for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import ResolverMatch
from django.utils.translation import gettext
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from accounts.problems import CONTENT_TYPE, problem


@dataclass(frozen=True)
class Problem:
    status: int
    title: str
    detail: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def json(self) -> JSONResponse:
        """In the active language: Gradio's page shows it to people."""
        # Translated, the empty text is the head of the catalogue.
        title, detail = (text and gettext(text) for text in (self.title, self.detail))
        return JSONResponse(
            problem(self.status, title, detail),
            status_code=self.status,
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
            | self.headers,
            media_type=CONTENT_TYPE,
        )

    async def page(self, scope: Scope, receive: Receive, send: Send) -> None:
        pages: ASGIApp = _pages()  # type: ignore[assignment]  # its stubs know no MutableMapping
        await pages({**scope, "method": "GET", "gradio_ui.problem": self}, receive, send)


class _Pages(ASGIHandler):
    """Django, middleware and all, with one view for every path: the page has the site's
    navigation, and the sign-out form in it works."""

    def create_request(self, scope: Mapping[str, Any], body_file: Any) -> Any:
        # Without the body, which Gradio's limits and not Django's are for.
        return ASGIRequest(scope, BytesIO()), None

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        return ResolverMatch(show, (), {})


@cache
def _pages() -> _Pages:
    return _Pages()


def show(request: HttpRequest) -> HttpResponse:
    problem: Problem = request.scope["gradio_ui.problem"]  # type: ignore[attr-defined]
    response = render(
        request, "gradio_ui/problem.html", {"problem": problem}, status=problem.status
    )
    for name, value in ({"Cache-Control": "no-store"} | problem.headers).items():
        response.headers[name] = value
    return response
