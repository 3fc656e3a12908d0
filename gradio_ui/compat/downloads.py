"""Files that an event names by their address. Gradio fetches them on the server, whole into its
memory, whatever their size.

An address brings at most what an upload may bring, and nothing once the user's files take up all
their room. What is not sent as it is might unpack to anything, and is refused.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx

from gradio_ui import files, places
from gradio_ui.conf import conf

if TYPE_CHECKING:
    import gradio

# Seconds without a byte.
PATIENCE = 30.0


def install() -> None:
    import safehttpx  # type: ignore[import-untyped]
    from gradio import processing_utils

    if issubclass(safehttpx.AsyncSecureTransport, _Bounded):
        return

    class Transport(_Bounded, safehttpx.AsyncSecureTransport):  # type: ignore[misc]
        pass

    safehttpx.AsyncSecureTransport = Transport
    # These would be asked past it, and may then be at a private address.
    processing_utils.PUBLIC_HOSTNAME_WHITELIST.clear()


class _Bounded:
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limit = conf.max_upload
        place = places.current()
        if place.user:
            limit = min(limit, place.allowance.bytes - await files.ausage(place.user))
        request.headers["Accept-Encoding"] = "identity"
        timeout = request.extensions.setdefault("timeout", {})
        if timeout.get("read") is None:
            # Gradio would wait for ever where it hands on what another site sends.
            timeout["read"] = PATIENCE
        response: httpx.Response = await super().handle_async_request(request)  # type: ignore[misc]
        if response.headers.get("Content-Encoding", "identity") != "identity":
            await response.aclose()
            raise _refusal("is compressed")
        announced = response.headers.get("Content-Length", "")
        if limit <= 0 or (announced.isdecimal() and int(announced) > limit):
            await response.aclose()
            raise _refusal("is too large")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Counted(response.stream, limit)
        return response


class _Counted(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, limit: int) -> None:
        self._stream = stream
        self._left = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._left -= len(chunk)
            if self._left < 0:
                raise _refusal("is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _refusal(why: str) -> "gradio.Error":
    from gradio import Error

    return Error(f"The file at this address {why}.", print_exception=False)
