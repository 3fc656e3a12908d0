"""`/metrics` for Prometheus: the requests of the whole site, its session store and sign-ins. What
the apps do is in `gradio_ui.metrics`.

Who may not read it gets the 404 of a page that does not exist. The registry is of this process, so
each process is a target of its own; a request that is handed over counts where the client sent it.
"""

import asyncio
import hmac
import re
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_login_failed
from prometheus_client import Counter, GCCollector, Histogram, Info, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from accounts import live
from gradio_ui.asgi import GradioRouter
from gradio_ui.cluster import process
from gradio_ui.metrics import REGISTRY, Now
from gradiosession.logs import Receive, Scope, Send
from sessionstate.backends import SHORT_NAMES, time_backend
from sessionstate.conf import conf
from sessionstate.errors import LockTimeout, StateError, StoreUnavailable
from sessionstate.signals import session_revoked

_REQUESTS = Counter(
    "gradiosession_http_requests",
    "Requests that are over; the app is empty for pages of the site itself.",
    ["app", "route", "status"],
    registry=REGISTRY,
)
_SECONDS = Histogram(
    "gradiosession_http_request_seconds",
    "How long answers took, but for streams.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
    registry=REGISTRY,
)
_STORE = Histogram(
    "gradiosession_store_seconds",
    "How long operations of the session store took.",
    ["backend", "operation"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5),
    registry=REGISTRY,
)
_STORE_ERRORS = Counter(
    "gradiosession_store_errors",
    "Operations that the session store could not do.",
    ["backend", "operation", "error"],
    registry=REGISTRY,
)
_SIGN_INS = Counter("gradiosession_sign_ins", "By result.", ["result"], registry=REGISTRY)
_SESSIONS_ENDED = Counter(
    "gradiosession_sessions_ended",
    "Sessions that were ended before their time: signed out, or ended by somebody.",
    registry=REGISTRY,
)
_BUILD = Info("gradiosession_build", "What runs here.", registry=REGISTRY)

# Routes by the beginning of the path. Whatever else somebody sends is "other".
_OF_APPS = {
    *("call", "cancel", "component_server", "deep_link", "file", "heartbeat", "info", "mcp"),
    *("process_recording", "queue/data", "queue/join", "queue/status", "reset", "run", "stream"),
    *("upload", "upload_progress"),
}
_OF_SITE = {"accounts", "admin", "api", "health", "metrics", "static", "ws"}
_STATIC = {"assets", "static", "svelte", "theme.css", "favicon.ico", "manifest.json"}
_STREAMS = {"call/data", "heartbeat", "mcp", "queue/data", "upload_progress", "ws"}
_FAILURES = (StoreUnavailable, LockTimeout)
_NAME = re.compile(r"queue/[a-z]+|[a-z_]+")

_requests: dict[tuple[str, str, int], Any] = {}
_seconds: dict[str, Any] = {}
_operations: dict[str, Any] = {}


def observe(scope: Scope, status: int, seconds: float) -> None:
    """A request that is over."""
    key = (scope["log"].get("app", ""), route(scope), status)
    if (count := _requests.get(key)) is None:
        count = _requests[key] = _REQUESTS.labels(*key).inc
    count()
    if key[1] not in _STREAMS:
        if (took := _seconds.get(key[1])) is None:
            took = _seconds[key[1]] = _SECONDS.labels(key[1]).observe
        took(seconds)


def is_stream(scope: Scope) -> bool:
    return route(scope) in _STREAMS


def route(scope: Scope) -> str:
    """One of a few words."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    first, _, rest = path[1:].partition("/")
    if first != "gradio":
        return first if first in _OF_SITE else "other" if first else "portal"
    _, _, below = rest.partition("/")
    if below.startswith("gradio_api/"):
        match = _NAME.match(below, len("gradio_api/"))
        name = match[0] if match else ""
        if name == "call" and scope.get("method") == "GET":
            return "call/data"
        return name if name in _OF_APPS else "other"
    if not below:
        return "page"
    below = below.partition("/")[0]
    return "config" if below == "config" else "app/static" if below in _STATIC else "other"


def _operation(name: str, seconds: float, error: BaseException | None) -> None:
    if (took := _operations.get(name)) is None:
        took = _operations[name] = _STORE.labels(_backend(), name).observe
    took(seconds)
    # Other errors of state say what is the case: a session has ended, a value is too large.
    if error and (isinstance(error, _FAILURES) or not isinstance(error, StateError)):
        _STORE_ERRORS.labels(_backend(), name, type(error).__name__).inc()


def _backend() -> str:
    return conf.backend if conf.backend in SHORT_NAMES else "other"


class _Live(Collector):
    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "gradiosession_live_sockets",
            "Pages that hear what becomes of their session.",
            live.count(),
        )


def start(router: GradioRouter) -> None:
    """Once in a process that serves."""
    _BUILD.info({"release": settings.GRADIOSESSION_RELEASE, "process": process.ID})
    REGISTRY.register(Now(router))
    REGISTRY.register(_Live())
    ProcessCollector(registry=REGISTRY)
    GCCollector(registry=REGISTRY)
    time_backend(_operation)
    user_logged_in.connect(_signed_in)
    user_login_failed.connect(_sign_in_failed)
    session_revoked.connect(_session_ended)


def _signed_in(**_: Any) -> None:
    _SIGN_INS.labels("ok").inc()


def _sign_in_failed(**_: Any) -> None:
    _SIGN_INS.labels("failed").inc()


def _session_ended(**_: Any) -> None:
    _SESSIONS_ENDED.inc()


def may_read(scope: Scope) -> bool:
    """With the token; or from one of the networks, if no proxy says that it is for somebody."""
    if scope["method"] not in ("GET", "HEAD"):
        return False
    headers = dict(scope["headers"])
    given, token = headers.get(b"authorization", b""), settings.METRICS_TOKEN
    if token and hmac.compare_digest(given, f"Bearer {token}".encode()):
        return True
    if b"x-forwarded-for" in headers or b"forwarded" in headers or not scope.get("client"):
        return False
    try:
        address = ip_address(scope["client"][0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in settings.METRICS_NETWORKS)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    accept = b",".join(value for name, value in scope["headers"] if name == b"accept")
    encode, content_type = choose_encoder(accept.decode("latin-1"))
    # Some milliseconds, in which the apps go on.
    body = await asyncio.to_thread(encode, REGISTRY)
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})
