"""Error pages, in development and in production: no password, no ticket, no session id."""

from __future__ import annotations

import logging
import logging.config
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from django.views.debug import get_exception_reporter_class

from accounts.redaction import clean, redacted, shortened
from gradiosession import logs
from tests.factories import PASSWORD

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzaWQiOiJ4In0xyz.c2lnbmF0dXJlLW9mLXRoaXM"
KEY = "gsk_0123abcd_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
SESSION = "k3j2h5g6f7d8s9a0q1w2e3r4t5y6u7i8"
pytestmark = pytest.mark.usefixtures("leaks_on_purpose")

SECRETS = (JWT, KEY, SESSION, "hunter2-in-a-variable", "hunter2-in-a-form", PASSWORD)


def broken(request: HttpRequest) -> HttpResponse:
    password = "hunter2-in-a-" + "variable"
    form = {"username": "ada", "password": password, "note": f"sent with {KEY}"}
    headers = [("Authorization", f"Bearer {JWT}")]
    session = request.session.session_key or SESSION
    raise RuntimeError(f"session {session} of {JWT} failed", bool(form and headers))


urlpatterns = [path("broken/", broken)]


def report(client: Client) -> str:
    headers = {
        "Authorization": f"Bearer {JWT}",
        "X-Session-Token": JWT,
        "Cookie": f"session={JWT}; other={SESSION}",
    }
    answer = client.post(
        f"/broken/?session={SESSION}&next=/x",
        {"password": "hunter2-in-a-form", "field": f"{KEY}"},
        headers=headers,
    )
    assert answer.status_code == 500
    return answer.content.decode()


@pytest.mark.parametrize("debug", [True, False], ids=["debug", "production"])
@override_settings(ROOT_URLCONF=__name__)
def test_an_error_page_has_no_secret(debug: bool, db: None) -> None:
    client = Client(raise_request_exception=False)
    with override_settings(DEBUG=debug):
        page = report(client)
    assert ("RuntimeError" in page) is debug
    assert not [secret for secret in SECRETS if secret in page]


@override_settings(ROOT_URLCONF=__name__, DEBUG=True)
def test_an_error_page_of_development_still_helps(db: None) -> None:
    page = report(Client(raise_request_exception=False))
    for useful in ("RuntimeError", "broken", "&#x27;ada&#x27;", "k3j2h5g6…", "gsk_0123abcd_…"):
        assert useful in page, useful


@override_settings(DEBUG=True)
def test_djangos_own_report_would_tell(settings: Any) -> None:
    """So that the tests above could fail."""
    settings.DEFAULT_EXCEPTION_REPORTER = "django.views.debug.ExceptionReporter"
    settings.DEFAULT_EXCEPTION_REPORTER_FILTER = "django.views.debug.SafeExceptionReporterFilter"
    from django.views import debug

    debug.get_default_exception_reporter_filter.cache_clear()
    try:
        request = RequestFactory().post("/broken/", {"password": "hunter2-in-a-form"})
        password, token = "hunter2-in-a-variable", JWT
        reporter = get_exception_reporter_class(request)
        try:
            raise RuntimeError(SESSION, bool(password and token))
        except RuntimeError as error:
            page = reporter(request, type(error), error, error.__traceback__).get_traceback_html()
    finally:
        debug.get_default_exception_reporter_filter.cache_clear()
    assert {s for s in SECRETS if s in page} >= {SESSION, JWT, "hunter2-in-a-form"}


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_line_of_a_library_that_tells_is_cut(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    formatter = logs.config(log_format, "INFO")["formatters"]["structlog"]
    handler = logging.StreamHandler()
    handler.setFormatter(formatter["()"](**{k: v for k, v in formatter.items() if k != "()"}))
    logger = logging.getLogger("some.library")
    logger.addHandler(handler)
    try:
        logger.warning("GET with Authorization: Bearer %s and %s", JWT, KEY)
    finally:
        logger.removeHandler(handler)
    err = capsys.readouterr().err
    assert "GET with Authorization" in err
    assert JWT not in err
    assert KEY not in err
    assert "gsk_0123abcd_…" in err


def test_redaction_leaves_the_rest_alone() -> None:
    text = "user 5, eyJust a word, gsk_ alone, /static/site.0123456789abcdef.css"
    assert redacted(text) == shortened(text) == text
    assert shortened(SESSION) == "k3j2h5g6…"
    nested = {"a": [SESSION, 1, None, {"b": JWT}], "c": {True}}
    assert clean(nested) == {"a": ["k3j2h5g6…", 1, None, {"b": "eyJ…"}], "c": [True]}
