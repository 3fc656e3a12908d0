"""What Gradio and FastAPI do for every event, with less to do.

- FastAPI tries its routes one after the other, and those of an included router twice: an event's
  come behind some sixty others. Here they are first; no two of the routes that move match the same
  path.
- Gradio's check of its own login takes a thread for each request. Here it only looks whether the
  gate has let somebody in.
- The value of each component takes a thread on its way in and one on its way out. The plainest
  components do nothing there that needs one.
- A stream looks before each message whether its client has left, by beginning to wait and
  cancelling that. Starlette waits for the same all the while, in our `Connection`, which knows.
- It waits for each message in a task of its own, until Python 3.12.
- The address of the app is parsed out of each request anew, and the path of the call out of the
  whole address. The gate has made sure that they depend on the host and the path alone.
- Each run is offered to a history in a bucket of the Hugging Face Hub, which the gate lets nobody
  open.
- Around each step of a function Matplotlib is told to draw without a screen, and then what it was
  told before. Here it draws without one from the start, unless somebody has said otherwise.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import ModuleType, SimpleNamespace
from typing import Any

import anyio
import anyio.to_thread
import fastapi
from starlette.applications import Starlette
from starlette.requests import Request

from gradio_ui import connections

# The most frequent first: events, then what a page loads.
_EVENTS = ("/queue/join", "/queue/data", "/heartbeat/{session_hash}", "/file={path_or_url:path}")
_ASSETS = ("/assets/{path:path}", "/static/{path:path}", "/svelte/{path:path}")
_DECIDING = {b"x-forwarded-host", b"x-forwarded-proto", b"x-gradio-server"}
_LONG = 1000
_PLAIN = ("Checkbox", "Number", "Slider", "State", "Textbox")


def install() -> None:
    """After Gradio's import."""
    from gradio import blocks, components, route_utils, routes, utils

    modules: Any = (blocks, route_utils, routes, utils)
    if not isinstance(modules[0].anyio, _Anyio):
        plain = [getattr(components, name) for name in _PLAIN]
        modules[0].anyio = _Anyio(
            {f for kind in plain for f in (kind.preprocess, kind.postprocess)}
        )
        modules[1].get_request_origin = _cached(route_utils.get_request_origin)
        modules[1].get_api_call_path = _first_known(route_utils.get_api_call_path)
        modules[1].record_run_history = _unrecorded
        modules[2].asyncio = _Asyncio("asyncio")
        modules[3].MatplotlibBackendMananger = _screenless(utils.MatplotlibBackendMananger)
        Request.is_disconnected = _known(Request.is_disconnected)  # type: ignore[method-assign]


def events_first(parent: Starlette) -> None:
    """Of a mounted app, before it serves."""
    (mount,) = parent.routes
    router: Any = mount.app.router  # type: ignore[attr-defined]
    (included,) = [route for route in router.routes if hasattr(route, "original_router")]
    inner = included.original_router
    router.routes.sort(
        key=lambda route: 1 if route is included else 0 if route.path in _ASSETS else 2
    )
    order = {f"{inner.prefix}{path}": place for place, path in enumerate(_EVENTS)}
    inner.routes.sort(key=lambda route: order.get(route.path, len(order)))
    inner._mark_routes_changed()
    router._mark_routes_changed()


@contextmanager
def trusting_the_gate() -> Iterator[None]:
    """Around the making of the app's routes."""
    from gradio import routes

    module: Any = routes
    depends = module.Depends

    def ours(dependency: Callable[..., Any] | None = None, **options: Any) -> Any:
        if getattr(dependency, "__qualname__", "").endswith("create_app.<locals>.login_check"):
            dependency = signed_in
        return depends(dependency, **options)

    module.Depends = ours
    try:
        yield
    finally:
        module.Depends = depends


async def signed_in(request: fastapi.Request) -> None:
    if request.scope.get("user") is None:
        raise fastapi.HTTPException(401, "Not authenticated")


def _known(is_disconnected: Callable[[Request], Awaitable[bool]]) -> Any:
    async def known(request: Request) -> bool:
        connection = request.scope.get(connections.KEY)
        return await is_disconnected(request) if connection is None else connection.is_over

    return known


class _Asyncio(ModuleType):
    """`asyncio` as the module of the routes sees it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    @staticmethod
    async def wait_for(awaitable: Awaitable[Any], timeout: float | None) -> Any:
        async with asyncio.timeout(timeout):
            return await awaitable


class _Anyio(ModuleType):
    """`anyio` as the module of `Blocks` sees it."""

    def __init__(self, plain: set[Callable[..., Any]]) -> None:
        super().__init__("anyio")

        async def run_sync(func: Callable[..., Any], *args: Any, **options: Any) -> Any:
            if getattr(func, "__func__", None) in plain:
                return func(*args)
            return await anyio.to_thread.run_sync(func, *args, **options)

        self.to_thread = SimpleNamespace(run_sync=run_sync)

    def __getattr__(self, name: str) -> Any:
        return getattr(anyio, name)


_JOIN = "/gradio_api/queue/join"


def _first_known(get_api_call_path: Callable[[fastapi.Request], str]) -> Any:
    def call_path(request: fastapi.Request) -> str:
        return _JOIN if request.scope["path"].endswith(_JOIN) else get_api_call_path(request)

    return call_path


def _unrecorded(*args: Any, **kwargs: Any) -> None:
    """In place of Gradio's history of runs."""


def _screenless(manager: type) -> type:
    class Screenless(manager):  # type: ignore[misc]
        def __enter__(self) -> None:
            matplotlib = sys.modules.get("matplotlib")
            self._is_so_already = matplotlib is not None and matplotlib.get_backend() == "agg"
            if not self._is_so_already:
                super().__enter__()

        def __exit__(self, *error: object) -> None:
            if not self._is_so_already:
                super().__exit__(*error)

    return Screenless


def _cached(get_request_origin: Callable[[fastapi.Request, str], Any]) -> Any:
    @lru_cache(maxsize=512)
    def known(scheme: str, host: str, server: Any, path: str, root: str, route_path: str) -> Any:
        headers = [(b"host", host.encode("latin-1"))] if host else []
        scope = {
            "type": "http",
            "scheme": scheme,
            "headers": headers,
            "server": server,
            "path": path,
            "root_path": root,
            "query_string": b"",
        }
        return get_request_origin(fastapi.Request(scope), route_path)

    def origin(request: fastapi.Request, route_path: str) -> Any:
        scope, headers = request.scope, dict(request.scope["headers"])
        host, path = headers.get(b"host", b"").decode("latin-1"), scope["path"]
        if _DECIDING & headers.keys() or len(host) + len(path) > _LONG:
            return get_request_origin(request, route_path)
        server = tuple(scope["server"]) if scope.get("server") else None
        root = scope.get("root_path", "")
        return known(scope["scheme"], host, server, path, root, route_path)

    return origin
