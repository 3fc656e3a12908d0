"""What a page is told of events whose process has gone.

Gradio's page reloads itself when a stream breaks, or says that there is no such session. After a
failed completion of each event and a regular end it shows an error and stays as it is.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import orjson
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from starlette.types import Scope, Send

from gradio_ui import languages
from gradio_ui.compat import pages
from gradio_ui.names import Names

if TYPE_CHECKING:
    import gradio

NOTICE = _("The server that was working on this has stopped. Please try again.")
# Of a process that lives, for all that is known.
SILENT = _(
    "The server that works on this does not answer. Look what was done before you try again."
)
# Of a message.
_END = b"\n\n"
# By which gradio_client knows that a message is for all events.
_FOR_ALL = {"message": "Server stopped unexpectedly."}


def messages(body: bytes) -> list[bytes]:
    """Those of a stream that were sent together."""
    return [message + _END for message in body.removesuffix(_END).split(_END)]


def last_words(events: Iterable[str], scope: Scope) -> bytes:
    """The end of a stream: these events have failed, and so have those that only the page knows
    of, to which it passes on what is of no event. `scope`: of who listens."""
    with languages.of(scope):
        failed = [_failure(event) for event in events]
        failed.append(_failure(None) | _FOR_ALL)
    return b"".join(map(_line, failed)) + _line({"msg": "close_stream"})


def cut(scope: Scope) -> bytes:
    """The end of a stream whose events go on, for all that is known, as the nginx of `deploy/` says
    it: a page takes it for none and opens the stream again, others take it for their failure."""
    with languages.of(scope):
        failure = _failure(None, SILENT) | {"title": gettext("Stopped")}
    return _line({"msg": failure.pop("msg")} | _FOR_ALL | failure)


def of_call(scope: Scope, words: str = NOTICE) -> bytes:
    """The whole stream of a call that was made without a page."""
    said = {"error": languages.said(scope, words)}
    return b"event: error\ndata: " + orjson.dumps(said) + _END


async def tell_lost(blocks: "gradio.Blocks", names: Names, scope: Scope, send: Send) -> bool:
    """Answers who wants to listen to a page, or to a call, of which this process knows nothing,
    because the one that did has gone. Whether there was need to."""
    if not names.session_hashes:
        if all(pages.has_event(blocks, event) for event in names.event_ids):
            return False
        await answer(send, of_call(scope))
        return True
    if all(pages.has_news(blocks, page) for page in names.session_hashes):
        return False
    await answer(send, last_words(names.event_ids, scope))
    return True


async def end_stream(scope: Scope, send: Send, *, of_page: bool) -> None:
    """To who asks for the rest of a stream of which nothing is left."""
    await answer(send, last_words((), scope) if of_page else of_call(scope))


async def answer(send: Send, body: bytes) -> None:
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _failure(event: str | None, words: str = NOTICE) -> dict[str, Any]:
    return {
        "msg": "process_completed",
        "event_id": event,
        "output": {"error": gettext(words), "visible": True},
        "success": False,
        "title": gettext("Error"),
        "time_limit": None,
    }


def _line(message: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(message) + _END
