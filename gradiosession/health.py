"""/health/live: the process answers. /health/ready: so does what it needs."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from importlib import import_module
from typing import Any

import structlog
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import sync_and_async_middleware

from gradio_ui import stopping

logger = structlog.stdlib.get_logger(__name__)

TIME_LIMIT = 2.0


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _cache() -> None:
    cache.set("gradiosession.health", 1, timeout=10)
    if cache.get("gradiosession.health") != 1:
        raise RuntimeError("the cache lost what was just written")


def _session_store() -> None:
    import_module(settings.SESSION_ENGINE).SessionStore().exists("health-probe")


class Probe:
    """A check in a thread of its own, which is left behind when it does not come back.

    Not in a pool: its workers would be used up by hanging checks, and waited for at exit.
    While a check hangs, the next ones report that instead of starting another thread.
    """

    def __init__(self, name: str, check: Callable[[], None]) -> None:
        self.name = name
        self._check = check
        self._running: Future[None] | None = None
        self._lock = threading.Lock()

    async def failure(self, limit: float = TIME_LIMIT) -> str:
        """What is wrong, in words for the operator; "" when nothing is."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running = Future()
                threading.Thread(
                    target=self._run, args=(self._running,), name=f"health-{self.name}", daemon=True
                ).start()
            running = self._running
        result = asyncio.wrap_future(running)
        done, _ = await asyncio.wait({result}, timeout=limit)
        if not done:
            return f"no answer within {limit:g} s"
        error = result.exception()
        if error is None:
            return ""
        # The message of a database's error may hold host names and users: log, do not answer.
        logger.warning("not ready", check=self.name, error=repr(error))
        return type(error).__name__

    def _run(self, future: Future[None]) -> None:
        future.set_running_or_notify_cancel()
        try:
            self._check()
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(None)
        finally:
            connection.close()


_probes = (
    Probe("database", _database),
    Probe("cache", _cache),
    Probe("session_store", _session_store),
)


async def _ready() -> HttpResponse:
    if stopping.is_draining:
        return JsonResponse({"status": "stopping", "checks": {}}, status=503)
    failures = await asyncio.gather(*(probe.failure() for probe in _probes))
    checks = {probe.name: failure or "ok" for probe, failure in zip(_probes, failures, strict=True)}
    if any(failures):
        return JsonResponse({"status": "unavailable", "checks": checks}, status=503)
    return JsonResponse({"status": "ok", "checks": checks})


async def _live() -> HttpResponse:
    return JsonResponse({"status": "ok"})


_PAGES: dict[str, Callable[[], Awaitable[HttpResponse]]] = {
    "/health/live": _live,
    "/health/ready": _ready,
}


async def _answer(request: HttpRequest) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        response = HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    else:
        response = await _PAGES[request.path_info]()
    response["Cache-Control"] = "no-store"
    return response


@sync_and_async_middleware
def HealthMiddleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Answers the health URLs before the host check, the HTTPS redirect and the session."""

    def middleware(request: HttpRequest) -> Any:
        if request.path_info in _PAGES:
            return async_to_sync(_answer)(request)
        return get_response(request)

    async def async_middleware(request: HttpRequest) -> Any:
        if request.path_info in _PAGES:
            return await _answer(request)
        return await get_response(request)

    return async_middleware if iscoroutinefunction(get_response) else middleware
