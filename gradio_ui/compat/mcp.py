"""Gradio's MCP server as part of the site.

Gradio's own calls tools that are queued over HTTP, as a client of itself that all users share and
that nobody has signed in; and the others without a `gr.Request`, as nobody. Here each call goes
the way of a page's event, in the process and as the user whose request it is: with session and
files of that user, past the rules of the function, in the queue.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import fastapi
import gradio.mcp
from gradio.data_classes import PredictBodyInternal
from gradio.route_utils import Request, get_root_url
from gradio.server_messages import ProcessCompletedMessage, ProgressMessage
from gradio.state_holder import SessionState
from gradio.utils import error_payload
from mcp import McpError, types

from gradio_ui import languages, passage
from gradio_ui.compat import pages
from gradio_ui.names import Names
from gradio_ui.ownership import TooMany
from gradio_ui.passage import Passage
from gradio_ui.permits import Permits
from gradio_ui.rates import Exceeded
from gradio_ui.rules import Denied

logger = logging.getLogger(__name__)

_API = "/gradio_api/"


def install() -> None:
    """Before an app is mounted with `mcp_server=True`."""
    gradio.mcp.GradioMCPServer = Server  # type: ignore[misc]


class ToolFailed(Exception):
    """With a message for the client."""


class Server(gradio.mcp.GradioMCPServer):
    blocks: gradio.Blocks

    def create_mcp_server(self) -> Any:
        server = super().create_mcp_server()
        server.call_tool()(_guarded(self._call))
        for kind, name in (
            (types.ListToolsRequest, "tools"),
            (types.ListPromptsRequest, "prompts"),
        ):
            server.request_handlers[kind] = self._for_user(server.request_handlers[kind], name)
        handlers = server.request_handlers
        handlers.update({asked: _guarded(handler) for asked, handler in handlers.items()})
        return server

    def _for_user(self, handler: Any, name: str) -> Any:
        """Without what the user may not call."""

        async def listing(request: Any) -> Any:
            result = await handler(request)
            permits = Permits(self._scope["user"])
            found = getattr(result.root, name)
            allowed = [item for item in found if await self._allows(permits, item.name)]
            setattr(result.root, name, allowed)
            return result

        return listing

    async def _allows(self, permits: Permits, tool: str) -> bool:
        fn = self.get_block_fn_from_endpoint_name(self.tool_to_endpoint[tool])
        try:
            await permits.arequire(self.blocks.call_function.rules(fn))  # type: ignore[attr-defined]
        except Denied:
            return False
        return True

    @property
    def _scope(self) -> Any:
        request = self.mcp_server.request_context.request
        assert request is not None
        return request.scope

    async def _call(self, name: str, arguments: dict[str, Any]) -> Any:
        endpoint, args, _, fn = self._prepare_tool_call_args(name, arguments)
        data = self.pop_returned_state(fn.outputs, await self._run(fn, args))
        request: Any = self.mcp_server.request_context.request
        root = get_root_url(request, self.get_route_path(request), self.root_path)
        content: Any = self.postprocess_output_data(data, root)
        structured = getattr(fn.fn, "_mcp_structured_output", False)
        return types.CallToolResult(
            content=content,
            structuredContent={"result": content} if structured else None,
            _meta=getattr(fn.fn, "_mcp_meta", None),
        )

    # For prompts and resources: Gradio makes a client of its own app, and submits a job.

    def _get_or_create_client(self) -> Any:
        return self

    async def submit(self, *args: Any, api_name: str, **_: Any) -> AsyncIterator[Any]:
        fn = self.get_block_fn_from_endpoint_name(api_name)
        data = await self._run(fn, list(args))
        yield SimpleNamespace(type="output", final=True, outputs={"data": data})

    async def _run(self, fn: Any, args: list[Any]) -> list[Any]:
        """The outputs of the function, as the events of a page get them."""
        args = self.insert_empty_state(fn.inputs, args)
        scope = self._scope
        # As if it came from the page: Gradio finds its own URL by this path.
        path = scope["path"].partition(_API)[0] + f"{_API}queue/join"
        request = fastapi.Request({**scope, "path": path, "query_string": b""})
        username = scope["user"].get_username()
        async with self._booked(fn, scope) as passed:
            request.scope.update(passed.entry() if passed else ())
            return await self._answered(fn, args, request, username)

    @asynccontextmanager
    async def _booked(self, fn: Any, scope: Any) -> AsyncIterator[Passage | None]:
        """The request may call several tools, and each call counts."""
        passed = passage.of(scope)
        if passed is None:
            yield None
            return
        limits = pages.limits(self.blocks, fn)
        try:
            booking = await passed.limits.book(passed.owner, limits, makes_event=fn.queue)
        except (Exceeded, TooMany) as refusal:
            with languages.of(scope):
                raise ToolFailed(refusal.sentence) from refusal
        try:
            yield replace(passed, booking=booking)
        finally:
            passed.limits.end(booking)

    async def _answered(self, fn: Any, args: list[Any], request: Any, username: str) -> list[Any]:
        if fn.queue:
            return await self._queued(fn, args, request, username)
        try:
            output = await self.blocks.process_api(
                block_fn=fn,
                inputs=args,
                state=SessionState(self.blocks),
                request=Request(request=request, username=username),
            )
        except Exception as error:
            if (found := error_payload(error, show_error=False))["error"] is None:
                logger.exception("The tool %s failed.", fn.api_name)
            raise ToolFailed(_sentence(found)) from error
        if output["iterator"] is not None:
            await output["iterator"].aclose()
        data: list[Any] = output["data"]
        return data

    async def _queued(self, fn: Any, args: list[Any], request: Any, username: str) -> list[Any]:
        queue = self.blocks._queue
        if passed := passage.of(request.scope):
            passed.pages.make_room(passed.owner)
        body = PredictBodyInternal(data=args, fn_index=fn._id, request=request)
        success, answer, _ = await queue.push(body=body, request=request, username=username)
        if not success:
            raise ToolFailed(_refusal(answer))
        # An event without a page is a page of its own. In use, it stays until the call has heard
        # of its end.
        page = str(body.session_hash)
        messages = queue.pending_messages_per_session[page]
        with passed.pages.used(Names((page,))) if passed else nullcontext():
            try:
                while not isinstance(message := await messages.get(), ProcessCompletedMessage):
                    if isinstance(message, ProgressMessage):
                        await self._tell(message)
            finally:
                await queue.clean_events(session_hash=page)
                pages.forget(self.blocks, page)
        if not message.success:
            raise ToolFailed(_sentence(message.output))
        data: list[Any] = message.output["data"]
        return data

    async def _tell(self, message: ProgressMessage) -> None:
        context = self.mcp_server.request_context
        token = context.meta.progressToken if context.meta else None
        for unit in message.progress_data or () if token is not None else ():
            await context.session.send_progress_notification(
                progress_token=token,  # type: ignore[arg-type]
                progress=unit.index if unit.index is not None else unit.progress or 0,
                total=unit.length if unit.index is not None else None,
                message=unit.desc,
                related_request_id=str(context.request_id),
            )


def _guarded(handler: Any) -> Any:
    """The server tells its client what any exception says: also of a database that is away. Meant
    for the client are ours, and those that say what is wrong with what it sent."""

    async def guarded(*args: Any) -> Any:
        try:
            return await handler(*args)
        except (ToolFailed, McpError, ValueError):
            raise
        except Exception as error:
            logger.exception("A request to the MCP server failed.")
            raise ToolFailed("The tool failed.") from error

    return guarded


def _sentence(output: dict[str, Any]) -> str:
    error, title = output.get("error"), output.get("title")
    if not error:
        return "The tool failed."
    return f"{title}: {error}" if title and title != "Error" else str(error)


def _refusal(answer: Any) -> str:
    """The queue is full, or what the validator found."""
    if not isinstance(answer, list):
        return str(answer)
    return " ".join(str(found["message"]) for found in answer if not found.get("is_valid"))
