"""The language of who sends a request, for what does not run in Django's middleware."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BytesIO

from django.core.handlers.asgi import ASGIRequest
from django.utils import translation
from starlette.types import Scope


def said(scope: Scope | None, sentence: str) -> str:
    """A sentence of ours, marked by `gettext_noop`, in the language of who sends the request."""
    with of(scope):
        return translation.gettext(sentence)


def of(scope: Scope | None) -> AbstractContextManager[None]:
    """A context in which it is active; without a request, nothing is changed."""
    if scope is None:
        return nullcontext()
    language = translation.get_language_from_request(ASGIRequest(scope, BytesIO()))
    return translation.override(language)


@contextmanager
def here() -> Iterator[None]:
    """The same in a callback, for whose call it answers; also a decorator, of plain functions.
    Elsewhere it changes nothing."""
    from gradio_ui.running import running  # which tells its errors in a language

    call = running()
    with of(call.request.request.scope if call else None):  # type: ignore[union-attr]
        yield
