"""Logging: structlog on the standard library's handlers, and the access line of every request."""

import asyncio
import json
import logging.config
import random
import re
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any, TypeAlias

import orjson
import structlog

from accounts.redaction import redacted

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

access = structlog.stdlib.get_logger("gradiosession.access")

# As nginx: the client went away before it had an answer.
CLIENT_CLOSED_REQUEST = 499
MAX_PATH = 300

_SHARED_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _as_json(event: Any, default: Callable[[Any], Any]) -> str:
    try:
        return orjson.dumps(event, default=default).decode()
    except TypeError:  # half a surrogate pair, a number of more than 64 bits, a key that is no text
        return json.dumps(event, default=default)


def _without_secrets(logger: Any, name: str, line: Any) -> str:
    return redacted(line)


def config(log_format: str, level: str) -> dict[str, Any]:
    """A logging configuration: every logger, structlog or not, to stderr in one format."""
    renderer: structlog.typing.Processor
    if log_format == "json":
        renderer = structlog.processors.JSONRenderer(_as_json)
        before: list[structlog.typing.Processor] = [structlog.processors.format_exc_info]
    else:
        # plain_traceback: the prettier ones print local variables, and so secrets.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        before = []
    processors = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *before, renderer]
    quiet: dict[str, Any] = {"handlers": [], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structlog": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED_PROCESSORS,
                # No line of ours has a token or a key; those of libraries and apps may.
                "processors": [*processors, _without_secrets],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structlog"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            # A 4xx is in the access line already.
            "django.request": {"level": "ERROR"},
            # The servers' own access logs, which would print every request a second time, with
            # its query string. (daphne's command line writes to stdout past logging: `-v 0`.)
            "django.channels.server": quiet,
            "django.server": quiet,
            "uvicorn.access": quiet,
            "uvicorn": {"handlers": [], "propagate": True},
            "uvicorn.error": {"handlers": [], "propagate": True},
            # A traceback each second while Redis is down.
            "channels_redis.pubsub": {"level": "CRITICAL"},
            # They name the whole URL of every request made.
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
        },
    }


def configure(settings: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG."""
    # Python finds these out for every line, and no format of ours shows them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # as the documentation of logging says
    logging.config.dictConfig(settings)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED_PROCESSORS,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


class AccessLog:
    """Pure ASGI, around everything: a request id, and one line when a request is over.

    Inner layers put `user_id`, `session` (its short id) and `app` into `scope["log"]`.
    """

    def __init__(
        self, app: App, observe: Callable[[Scope, int, float], None] = lambda *seen: None
    ) -> None:
        """`observe` is told of every request that is over: its status, and seconds."""
        self.app = app
        self.observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        log: dict[str, Any] = scope.setdefault("log", {})
        request_id = log["request_id"] = _request_id(scope)
        started = time.perf_counter()
        status: int | None = None
        notes: dict[str, str] = {}

        async def watched_receive() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                notes.setdefault("ended", "client gone")
            return message

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                header = (b"x-request-id", request_id.encode())
                message = {**message, "headers": [*message.get("headers", ()), header]}
            elif message["type"] == "websocket.accept":
                status = 101
            elif message["type"] == "websocket.close" and status is None:
                status = 403
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                notes["ended"] = ""

        outer = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self.app(scope, watched_receive, watched_send)
        except asyncio.CancelledError:
            notes["ended"] = "cancelled"
            raise
        except BaseException as error:
            notes["ended"] = type(error).__name__
            status = status or 500
            raise
        finally:
            structlog.contextvars.reset_contextvars(**outer)
            if notes.get("ended") == "":
                del notes["ended"]
            fields = log | notes
            seconds = time.perf_counter() - started
            self.observe(scope, status or CLIENT_CLOSED_REQUEST, seconds)
            (access.error if status and status >= 500 else access.info)(
                "request",
                method=scope.get("method", "WS"),
                path=shown_path(scope["path"]),
                status=status or CLIENT_CLOSED_REQUEST,
                duration_ms=round(seconds * 1000, 1),
                client=(scope.get("client") or [""])[0],
                **fields,
            )


_GOOD_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,128}")


def _request_id(scope: Scope) -> str:
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    if len(given) == 1 and _GOOD_REQUEST_ID.fullmatch(given[0]):
        return bytes(given[0]).decode()
    # No secret: it need not come from the operating system, which takes its time.
    return f"{random.getrandbits(128):032x}"


# What opens something for whoever knows it: file paths, stream and event ids of Gradio,
# and the keys that allauth mails.
_SECRET_TAIL = re.compile(
    r"(/(?:file=|file/|proxy=|heartbeat/|stream/|call/(?:v2/)?[^/]+/|monitoring/"
    r"|reset/key/|confirm-email/|session/data/)).+"
)
# And whatever looks like an id or a token: long, with a digit, no extension.
_TOKEN = re.compile(r"(?<=/)(?=[^/]*\d)([\w-]{8})[\w-]{12,}(?=/|$)")


def shown_path(path: str) -> str:
    """`path` as it may stand in a log: one line, of limited length, without secrets."""
    return _known_path(path) if len(path) <= MAX_PATH else _shown_path(path)


def _shown_path(path: str) -> str:
    path = _TOKEN.sub(r"\1…", _SECRET_TAIL.sub(r"\1…", path))
    path = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in path)
    return path if len(path) <= MAX_PATH else f"{path[:MAX_PATH]}…"


# Most requests are for one of a few paths.
_known_path = lru_cache(maxsize=1024)(_shown_path)
