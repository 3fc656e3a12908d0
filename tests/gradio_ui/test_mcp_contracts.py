"""What `gradio_ui.compat.mcp` and `.callbacks` rely on in Gradio. (See test_gradio_contracts.)"""

import functools
from typing import Any

import gradio as gr
import pytest
from mcp import types
from starlette.routing import Mount

from gradio_ui import compat, register, requires_group, routes, rules
from gradio_ui.compat import callbacks
from gradio_ui.compat.mcp import ToolFailed
from gradio_ui.mount import mount_all
from gradio_ui.routes import Access

compat.prepare()
for_analysts = requires_group("analysts")


@pytest.fixture
async def app(empty_registry: None) -> Any:
    @register("tools", mcp=True)
    def build() -> gr.Blocks:
        return gr.Interface(lambda text: text, "text", "text", api_name="echo")

    (mount,) = mount_all().values()
    assert mount.failure is None
    return mount.app.routes[0].app  # type: ignore[union-attr, attr-defined]


def test_every_route_of_the_mcp_server_is_in_the_table(app: Any) -> None:
    (server,) = [route for route in app.routes if getattr(route, "path", "") == "/gradio_api/mcp"]
    found = {}
    for route in server.app.routes:
        path = "/gradio_api/mcp" + route.path + ("/x" if isinstance(route, Mount) else "")
        found[route.path] = routes.find(path)
    assert set(found) == {"", "/schema", "/sse", "/messages"}
    assert all(route and route.access is Access.REFUSED for route in found.values())
    for path in ("", "/", "/http", "/http/"):
        route = routes.find(f"/gradio_api/mcp{path}")
        assert route and route.is_mcp and route.methods == {"POST"}


def test_streamable_http_has_no_sessions_of_its_own(app: Any) -> None:
    """Otherwise their ids would have to be bound to who has opened them."""
    assert app.get_blocks().mcp_server_obj.manager.stateless


async def test_without_ours_a_queued_tool_is_a_request_of_nobody(app: Any) -> None:
    import inspect

    server = type(app.get_blocks().mcp_server_obj)
    original = server.__mro__[1]
    assert "client.submit(" in inspect.getsource(original.create_mcp_server)
    assert '"x-gradio-user": "mcp"' in inspect.getsource(original._get_or_create_client)


async def test_a_client_is_told_no_exception(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a database that is away, while the server looks who may call what."""

    def fail(*_: Any) -> Any:
        raise OSError("cannot connect to postgres://app:hunter2@db.internal/live")

    ours = app.get_blocks().mcp_server_obj
    monkeypatch.setattr(type(ours), "_scope", property(fail))
    monkeypatch.setattr(ours, "_run", fail)
    handlers = ours.mcp_server.request_handlers
    with pytest.raises(ToolFailed, match=r"^The tool failed\.$"):
        await handlers[types.ListToolsRequest](types.ListToolsRequest())
    ours.mcp_server._tool_cache["echo"] = types.Tool(name="echo", inputSchema={})
    params = types.CallToolRequestParams(name="echo", arguments={"text": "x"})
    answered = await handlers[types.CallToolRequest](types.CallToolRequest(params=params))
    assert answered.root.isError
    assert answered.root.content[0].text == "The tool failed."


@for_analysts
def answer(message: str, history: list[Any]) -> str:
    return message


async def test_the_functions_of_a_chat_have_the_rules_of_the_one_they_call() -> None:
    chat = gr.ChatInterface(answer, api_name="answer")
    ruled = {fn.api_name for fn in chat.fns.values() if rules.of_event(fn)}
    assert "answer" in ruled and any(name.startswith("_submit_fn") for name in ruled)
    assert list(callbacks.behind(chat._examples_fn)) == [answer]
    assert not list(callbacks.behind(chat._save_conversation))


async def test_cached_examples_have_the_rules_of_the_function() -> None:
    with gr.Blocks() as demo:
        box = gr.Textbox()
        for cached in (True, False):
            gr.Examples(
                ["a"],
                box,
                box,
                for_analysts(functools.partial(str)),
                cache_examples=cached,
                cache_mode="lazy",
                api_name=f"cached_{cached}",
            )
    found = {fn.api_name: bool(rules.of_event(fn)) for fn in demo.fns.values()}
    assert found["cached_True"] and not found["cached_False"]
