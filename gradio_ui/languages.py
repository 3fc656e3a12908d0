"""The language of who sends a request, for what does not run in Django's middleware."""

from contextlib import AbstractContextManager
from io import BytesIO

from django.core.handlers.asgi import ASGIRequest
from django.utils import translation
from starlette.types import Scope


def said(scope: Scope, sentence: str) -> str:
    """A sentence of ours, marked by `gettext_noop`, in the language of who sends the request."""
    with of(scope):
        return translation.gettext(sentence)


def of(scope: Scope) -> AbstractContextManager[None]:
    """A context in which it is active."""
    language = translation.get_language_from_request(ASGIRequest(scope, BytesIO()))
    return translation.override(language)
