"""Apps as MCP servers, by MCP's own client against a real server."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from tests.servers import DEMO_PASSWORD, Site, SiteFactory

REFUSAL = "You need to be in one of the groups editors or analysts to do this."
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module", params=["daphne", "uvicorn"])
def site(request: pytest.FixtureRequest, tmp_path_factory: Any, demo_database: Path) -> Any:
    factory = SiteFactory(tmp_path_factory.mktemp("tools"), demo_database)
    env = {"EXTRA_APPS": "tests.gradio_ui.guarded"}
    # One of the tools fails on purpose.
    yield factory(request.param, env=env, allow_traceback=True)
    factory.close()


def url(site: Site, slug: str = "tools", end: str = "/") -> str:
    return f"{site.url}/gradio/{slug}/gradio_api/mcp{end}"


@asynccontextmanager
async def connected(site: Site, headers: dict[str, str]) -> AsyncIterator[ClientSession]:
    async with (
        httpx.AsyncClient(headers=headers, timeout=60) as http,
        streamable_http_client(url(site), http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


async def text(session: ClientSession, tool: str, **arguments: Any) -> str:
    result = await session.call_tool(tool, arguments)
    found = " ".join(getattr(content, "text", "") for content in result.content)
    return f"error: {found}" if result.isError else found


def test_programs_call_tools_as_who_they_are(site: Site) -> None:
    asyncio.run(_tools(site))


async def _tools(site: Site) -> None:
    ada, bob = site.sign_in("ada"), site.sign_in("bob")
    async with connected(site, ada) as of_ada, connected(site, bob) as of_bob:
        tools = {name: (await c.list_tools()).tools for name, c in (("a", of_ada), ("b", of_bob))}
        names = {who: {tool.name for tool in found} for who, found in tools.items()}
        assert {"count", "whoami", "plain", "count_1", "plain_1"} <= names["a"]
        assert names["a"] - names["b"] == {"plain", "plain_1"}
        schema = next(tool for tool in tools["a"] if tool.name == "count").inputSchema
        assert list(schema["properties"]) == ["word"]

        # Queued and not; each with a session of one's own, which lasts.
        for tool in ("count", "count_1"):
            calls = [text(c, tool, word="x") for c in (of_ada, of_bob) for _ in range(3)]
            await asyncio.gather(*calls)
        assert await text(of_ada, "count", word="x") == "x 7"
        assert await text(of_bob, "count_1", word="x") == "x 7"
        assert await text(of_ada, "remember", word="lace") == "lace"
        assert await text(of_bob, "remember", word="bobbin") == "bobbin"
        whose = [text(c, "whoami") for _ in range(5) for c in (of_ada, of_bob)]
        assert await asyncio.gather(*whose) == ["ada", "bob"] * 5

        for tool in ("plain", "plain_1"):
            assert await text(of_ada, tool, word="x") == "plain x"
            refused = await text(of_bob, tool, word="x")
            assert refused.startswith("error:") and REFUSAL in refused

        for tool in ("fail", "fail_1"):
            assert await text(of_ada, tool, word="x") == "error: The tool failed."
        for tool in ("complain", "complain_1"):
            assert await text(of_ada, tool, word="x") == "error: x is wrong"
        assert (await text(of_ada, "nothing")).startswith("error: Unknown tool")

        seen: list[float] = []

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            seen.append(progress)

        result = await of_ada.call_tool("count_slowly", {"steps": 3}, progress_callback=tell)
        assert [content.text for content in result.content] == ["3"]  # type: ignore[union-attr]
        assert seen and seen == sorted(seen)

        assert "Say hello to Bob" in str(await of_ada.get_prompt("greeting", {"name": "Bob"}))
        assert "notes of x" in str(await of_ada.read_resource("notes://x"))  # type: ignore[arg-type]
    # Another login of the same person has the person's state and a session of its own.
    async with connected(site, site.sign_in("ada")) as again:
        assert await text(again, "count", word="x") == "x 1"
        assert await text(again, "remember", word="again") == "lace again"


def test_files_belong_to_who_called(site: Site) -> None:
    asyncio.run(_files(site))


async def _files(site: Site) -> None:
    ada, bob = site.sign_in("ada"), site.sign_in("bob")
    async with connected(site, ada) as session:
        data = base64.b64encode(b"12345").decode()
        assert await text(session, "length", path=f"data:text/plain;base64,{data}") == "5"
        for path in ("/etc/passwd", "file:///etc/passwd", "../../etc/passwd"):
            assert (await text(session, "length", path=path)).startswith("error:")
        address = await text(session, "write_file", word="mine")
    assert address.startswith(f"{site.url}/gradio/tools/gradio_api/file=")
    assert httpx.get(address, headers=ada).text == "mine"
    assert httpx.get(address, headers=bob).status_code in (403, 404)
    assert httpx.get(address).status_code == 401


def test_the_door_is_the_gates(site: Site) -> None:
    ada = site.sign_in("ada")

    def post(headers: dict[str, str], slug: str = "tools", end: str = "/") -> httpx.Response:
        return httpx.post(
            url(site, slug, end), json=INITIALIZE, headers=ACCEPT | headers, timeout=30
        )

    assert "serverInfo" in post(ada).text
    assert "serverInfo" in post(ada, end="").text
    anonymous = post({})
    assert anonymous.status_code == 401
    assert anonymous.headers["WWW-Authenticate"].startswith("Bearer")
    assert post({"Authorization": "Bearer nonsense"}).status_code == 401
    # Another site's page has the visitor's cookie to send.
    with httpx.Client(base_url=site.url) as browser:
        login = {"username": "ada", "password": DEMO_PASSWORD}
        browser.post("/api/auth/login", json=login).raise_for_status()
        for origin in ("https://evil.example", "null"):
            sent = ACCEPT | {"Origin": origin}
            assert browser.post(url(site), json=INITIALIZE, headers=sent).status_code == 403
    # Off unless the app says so.
    assert post(ada, "guarded").status_code == 404
    # The former transport, and the list of everything.
    for end in ("/sse", "/messages/?session_id=1", "/schema"):
        assert httpx.get(url(site, end=end), headers=ada).status_code == 404
        assert post(ada, end=end).status_code == 404
    assert httpx.get(url(site), headers=ada | ACCEPT).status_code == 405

    def key(**options: Any) -> dict[str, str]:
        answer = httpx.post(f"{site.url}/api/keys", json={"name": "program"} | options, headers=ada)
        assert answer.status_code == 201, answer.text
        return {"Authorization": f"Bearer {answer.json()['key']}"}

    mine = key(apps=["tools"])
    assert "serverInfo" in post(mine).text
    assert post(key(apps=["guarded"])).status_code == 403
    assert post(key(write=False)).status_code == 403
    httpx.post(f"{site.url}/api/auth/logout", headers=ada).raise_for_status()
    assert post(ada).status_code == 401
    # A key does not end with the login that made it.
    assert "serverInfo" in post(mine).text
