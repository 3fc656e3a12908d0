"""The shortcuts of `gradio_ui.compat.shortcuts` change nothing but the time it takes."""

import inspect
import os
import threading
from typing import Any

import fastapi
import gradio as gr
import httpx
import pytest
from gradio import blocks, route_utils, routes, utils
from starlette.types import Receive, Scope, Send

from gradio_ui import compat
from gradio_ui import routes as gate_routes
from gradio_ui.compat import shortcuts
from gradio_ui.mount import mount_all
from gradio_ui.registry import register
from gradio_ui.routes import Access

compat.prepare()


@pytest.fixture
async def app(empty_registry: None) -> Any:
    register("simple")(lambda: gr.Interface(lambda text: text, "text", "text"))
    (mount,) = mount_all().values()
    assert mount.failure is None
    return mount.app


def parts(app: Any) -> tuple[Any, Any]:
    """The routes of the app and those of what it includes."""
    inner = app.routes[0].app
    (included,) = [route for route in inner.routes if hasattr(route, "original_router")]
    return inner.routes, included.original_router.routes


async def test_the_routes_that_moved_share_their_paths_with_no_other(app: Any) -> None:
    outer, included = parts(app)
    moved = [route for route in included[:6] if not route.path.endswith("/user/")]
    assert [route.path for route in included[:2]] == [
        "/gradio_api/queue/join",
        "/gradio_api/queue/data",
    ]
    for route in moved:
        path = route.path.replace("{session_hash}", "x").replace("{path_or_url:path}", "/x/y")
        matching = {
            other.path
            for other in (*outer, *included)
            if hasattr(other, "path_regex") and other.path_regex.match(path)
        }
        assert matching == {route.path}
    for route in outer:
        if hasattr(route, "path") and route.path in shortcuts._ASSETS:
            assert not any(other.path_regex.match("/assets/x") for other in included)


async def test_an_asset_is_found_before_the_events_and_a_page_after_them(app: Any) -> None:
    outer, _ = parts(app)
    names = [getattr(route, "path", "events") for route in outer]
    assert set(names[: names.index("events")]) == set(shortcuts._ASSETS)


async def test_without_a_user_from_the_gate_gradio_refuses(app: Any) -> None:
    _, included = parts(app)
    calls = {
        dependency.call.__name__
        for route in included
        for dependency in route.dependant.dependencies
    }
    assert "login_check" not in calls, "gradio.routes takes its Depends from elsewhere now"
    assert "signed_in" in calls

    async def known(scope: Scope, receive: Receive, send: Send) -> None:
        class User:
            def get_username(self) -> str:
                return "ada"

        await app({**scope, "user": User()}, receive, send)

    for inner, status in ((app, 401), (known, 200)):
        transport = httpx.ASGITransport(app=inner)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.get("/gradio/simple/gradio_api/info")
            assert answer.status_code == status


async def test_only_the_plainest_components_stay_on_the_loop() -> None:
    for method in (blocks.Blocks.preprocess_data, blocks.Blocks.postprocess_data):
        assert "await anyio.to_thread.run_sync(" in inspect.getsource(method)
    here = threading.get_ident()

    class Odd:
        def preprocess(self, payload: Any) -> Any:
            return threading.get_ident()

    run_sync = blocks.anyio.to_thread.run_sync
    assert await run_sync(Odd().preprocess, "x", limiter=None) != here
    assert await run_sync(threading.get_ident, limiter=None) != here
    assert await run_sync(gr.Number(precision=0).preprocess, 1.0, limiter=None) == 1
    with pytest.raises(gr.Error):
        await run_sync(gr.Number(minimum=5).preprocess, 1.0, limiter=None)
    assert blocks.anyio.CapacityLimiter


@pytest.mark.parametrize(
    ("path", "root", "headers"),
    [
        ("/gradio/a/gradio_api/queue/join", "", {"host": "site.test:81"}),
        ("/x/gradio/a/gradio_api/queue/join", "/x", {"host": "site.test"}),
        ("/gradio/a/gradio_api/queue/join", "", {"host": "b.test", "x-forwarded-host": "c.test"}),
        ("/gradio/a/gradio_api/queue/join", "", {"host": "b.test", "x-forwarded-proto": "https"}),
        ("/gradio/ü/" + "x" * 2000, "", {"host": "site.test"}),
        ("/gradio/a/", "", {}),
    ],
)
def test_the_origin_is_what_gradio_says(path: str, root: str, headers: dict[str, str]) -> None:
    original = inspect.getclosurevars(route_utils.get_request_origin).nonlocals
    for scheme in ("http", "https"):
        scope = {
            "type": "http",
            "scheme": scheme,
            "server": ["127.0.0.1", 8000],
            "path": path,
            "root_path": root,
            "query_string": b"session_hash=x",
            "headers": [(key.encode(), value.encode()) for key, value in headers.items()],
        }
        for route_path in ("/gradio_api/queue/join", "/"):
            request = fastapi.Request(scope)
            expected = original["get_request_origin"](request, route_path)
            for _ in range(2):
                assert route_utils.get_request_origin(request, route_path) == expected


def test_gradio_makes_its_routes_with_this_name() -> None:
    assert "Depends(login_check)" in inspect.getsource(routes.App.create_app)


@pytest.mark.parametrize("path", ["/queue/join", "/queue/join/", "/call/echo", "/call/v2/echo"])
def test_the_path_of_a_call_is_the_one_that_gradio_finds(path: str) -> None:
    scope = {"type": "http", "path": f"/gradio/simple/gradio_api{path}", "query_string": b"x=1"}
    request = fastapi.Request(scope | {"headers": [(b"host", b"here")], "scheme": "http"})
    ours: Any = route_utils.get_api_call_path
    (theirs,) = [cell.cell_contents for cell in ours.__closure__]
    assert theirs.__module__ == "gradio.route_utils"
    assert ours(request) == theirs(request)


def test_a_history_of_runs_is_what_gradio_would_keep_and_nobody_can_open() -> None:
    assert "record_run_history" in inspect.getsource(route_utils.call_process_api)
    assert route_utils.record_run_history is shortcuts._unrecorded  # type: ignore[comparison-overlap]
    assert gate_routes.find("/gradio_api/runs").access is Access.REFUSED  # type: ignore[union-attr]


def test_matplotlib_draws_without_a_screen_whatever_it_was_told() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    before = matplotlib.get_backend()
    try:
        for chosen in ("agg", "svg"):
            matplotlib.use(chosen)
            for _ in range(2):
                with utils.MatplotlibBackendMananger():
                    assert matplotlib.get_backend() == "agg"
                assert matplotlib.get_backend() == chosen
    finally:
        matplotlib.use(before)
    assert "utils.MatplotlibBackendMananger()" in inspect.getsource(route_utils.call_process_api)


def test_a_site_has_no_screen_to_draw_on() -> None:
    assert os.environ["MPLBACKEND"] == "agg"
