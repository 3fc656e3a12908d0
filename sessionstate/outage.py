"""What a client is told while the store is down."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from django.views.defaults import ERROR_PAGE_TEMPLATE

TITLE = "Service unavailable"
DETAIL = "Sessions cannot be reached at the moment. You are still signed in: please try again."
RETRY_AFTER = 5


def unavailable(request: HttpRequest) -> HttpResponse:
    """503: the page `503.html` (without context, as for Django's 500.html) for somebody who looks
    at it, and a problem document (RFC 9457) for a program."""
    response: HttpResponse
    if _wants_page(request):
        response = HttpResponse(_page(), status=503)
    else:
        problem = {"type": "about:blank", "title": TITLE, "status": 503, "detail": DETAIL}
        response = JsonResponse(problem, status=503, content_type="application/problem+json")
    response["Retry-After"] = str(RETRY_AFTER)
    response["Cache-Control"] = "no-store"
    return response


def _wants_page(request: HttpRequest) -> bool:
    mode = request.headers.get("Sec-Fetch-Mode")
    return mode == "navigate" if mode else "text/html" in request.headers.get("Accept", "")


def _page() -> str:
    try:
        return render_to_string("503.html")
    except TemplateDoesNotExist:
        return ERROR_PAGE_TEMPLATE % {"title": TITLE, "details": DETAIL}
