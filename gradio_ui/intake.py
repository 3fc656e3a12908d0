"""What a request brings: its body, taken in as far as the route needs it, and what it names."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, QueryParams
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from gradio_ui import bodies
from gradio_ui.bodies import Malformed, TooLarge
from gradio_ui.conf import conf
from gradio_ui.names import NOTHING, Names, collect
from gradio_ui.routes import Body, Route

# Bytes of a form that are kept in memory; the rest goes to a temporary file.
_IN_MEMORY = 1024 * 1024
_CHUNK = 64 * 1024
# Without one of these a form is an error of the server to Gradio.
_NEEDED = {"component_id", "fn_name", "session_hash"}


@dataclass
class Intake:
    """`receive` gives Gradio the body as it came. `fields`: of a JSON object or a form whose
    names are Gradio's, without the files."""

    receive: Receive
    names: Names = NOTHING
    fields: dict[str, Any] = field(default_factory=dict)
    _spool: IO[bytes] | None = None

    @property
    def is_form(self) -> bool:
        return self._spool is not None

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()


async def take_in(
    scope: Scope, receive: Receive, route: Route, in_path: Mapping[str, str]
) -> Intake:
    """Raises `TooLarge`, `Malformed`, `BadName`, `ClientDisconnect`."""
    intake = Intake(receive)
    in_body: Iterable[tuple[str, Any]] = ()
    if route.body is Body.JSON_OR_FORM and is_form(scope):
        in_body = await _take_form(scope, intake)
        intake.fields = dict(in_body)
        if not intake.fields.keys() >= _NEEDED:
            intake.close()
            raise Malformed(f"The form must have the fields {', '.join(sorted(_NEEDED))}.")
    elif route.body not in (Body.NONE, Body.UPLOAD):
        body = await bodies.read(scope, receive, conf.max_body)
        intake.receive = bodies.replay(body, receive)
        fields = bodies.parse(body)
        if route.body is not Body.ARGUMENTS:
            intake.fields = fields
            in_body = fields.items()
    query = QueryParams(scope["query_string"]).multi_items() if scope["query_string"] else ()
    try:
        intake.names = collect(in_path, query, in_body)
    except BaseException:
        intake.close()
        raise
    return intake


def is_form(scope: Scope) -> bool:
    # As Gradio decides.
    return Headers(scope=scope).get("content-type", "").startswith("multipart/form-data")


async def _take_form(scope: Scope, intake: Intake) -> list[tuple[str, Any]]:
    """The text fields. They may stand behind large files, so the form is read to its end."""
    limit = conf.max_upload
    if bodies.announced(scope) > limit:
        raise TooLarge(limit)
    spool: IO[bytes] = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
    intake._spool = spool
    receive = intake.receive

    async def chunks() -> AsyncIterator[bytes]:
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise TooLarge(limit)
            await _in_thread_if(size > _IN_MEMORY, spool.write, chunk)
            yield chunk
            more = message.get("more_body", False)

    parser = MultiPartParser(
        Headers(scope=scope),
        chunks(),  # type: ignore[arg-type]
        max_files=conf.max_files,
        max_fields=conf.max_files,
        max_part_size=conf.max_body,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        intake.close()
        raise Malformed("The form cannot be read.") from error
    except BaseException:
        intake.close()
        raise
    fields = [(key, value) for key, value in form.multi_items() if isinstance(value, str)]
    await form.close()
    spool.seek(0)
    intake.receive = _replay(spool, receive)
    return fields


def _replay(spool: IO[bytes], receive: Receive) -> Receive:
    ended = False

    async def replayed() -> Message:
        nonlocal ended
        if ended:
            return await receive()
        chunk = await run_in_threadpool(spool.read, _CHUNK)
        ended = len(chunk) < _CHUNK
        return {"type": "http.request", "body": chunk, "more_body": not ended}

    return replayed


async def _in_thread_if(condition: bool, function: Any, *args: Any) -> None:
    if condition:
        await run_in_threadpool(function, *args)
    else:
        function(*args)
