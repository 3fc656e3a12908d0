"""Files that a request names, and those that its answer does, where processes share no directory.

Of events see `gradio_ui.compat.stored`.
"""

import json
import re
from typing import Any

from starlette.datastructures import QueryParams
from starlette.types import Message, Scope, Send

from gradio_ui import places, transfers
from gradio_ui.intake import Intake
from gradio_ui.refusals import explaining

_FILE = re.compile(r".*/gradio_api/file[=/](.+)", re.DOTALL)
_UPLOAD, _LINK = "/gradio_api/upload", "/gradio_api/deep_link"
# Gradio keeps what a link to the state of a page shows as a file.
_DEEP_LINK = re.compile(r"[\w-]{1,128}", re.ASCII)


async def bring(scope: Scope, intake: Intake) -> None:
    """To this process. Raises `Unavailable`, `TooLarge`."""
    transfers.publish(places.current().app)
    found: list[Any] = [intake.fields]
    if match := _FILE.fullmatch(scope["path"]):
        found.append(match[1])
    elif link := QueryParams(scope["query_string"]).get("deep_link"):
        found.append(_state(link))
    await transfers.bring(found)


def keeping(scope: Scope, send: Send) -> Send:
    """A `send` that keeps the files that the answer names before it lets it go. Raises
    `Refused`."""
    path: str = scope["path"]
    if not path.endswith((_UPLOAD, _LINK)):
        return send
    held: list[Message] = []

    async def keep(message: Message) -> None:
        held.append(message)
        if message["type"] == "http.response.start" or message.get("more_body"):
            return
        if held[0].get("status") == 200:
            answer = json.loads(b"".join(part.get("body", b"") for part in held))
            with explaining(scope):
                await transfers.keep(_state(answer) if path.endswith(_LINK) else answer, anew=True)
        for message in held:
            await send(message)

    return keep


def _state(link: Any) -> str | None:
    if not isinstance(link, str) or not _DEEP_LINK.fullmatch(link):
        return None
    return str(places.current().own / "deep_links" / link / "state.json")
