"""Which process a request is for."""

import asyncio
import contextlib
import random
import time

from django.utils.translation import gettext_noop as _
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gradio_ui import event_ids
from gradio_ui.cluster import keys, process, reach
from gradio_ui.cluster.claims import Claims, Holder
from gradio_ui.cluster.errors import NoAnswer
from gradio_ui.cluster.presence import Presence
from gradio_ui.names import Names
from gradio_ui.routes import Body, Route

# Seconds that a request for the progress of an upload waits for the upload.
UPLOAD_PATIENCE = 3.0
_PAUSE = 0.1
ME = Holder(process.ID)


class Finding:
    def __init__(self, redis: Redis, presence: Presence, claims: Claims) -> None:
        self._redis, self._presence, self._claims = redis, presence, claims

    def remembered(self, route: Route, names: Names) -> tuple[str, Holder] | None:
        """What `find` would say, where that is another process for all that this one knows.
        Nobody is asked, and nothing is taken."""
        if event := _event(route, names):
            wanted = event_ids.process_of(event)
            address = self._presence.others.get(wanted)
            return ("", Holder(wanted, address)) if address else None
        for page in names.session_hashes[:1]:
            if holder := self._claims.remembered(f"page:{page}"):
                return f"page:{page}", holder
        return None

    async def find(self, route: Route, names: Names) -> tuple[str, Holder]:
        """What is decisive among the names, if somebody has to hold it, and who does.

        Raises `NoAnswer`, `StoreUnavailable`.
        """
        if event := _event(route, names):
            found = await self._with_event(event)
            if found is not None:
                return "", found
        if names.session_hashes:
            page = names.session_hashes[0]
            if event_ids.is_event_id(page):
                return "", await self._with_event(page) or ME
            name = f"page:{page}"
            return name, await self._claims.holder(name) or await self._any_other()
        if names.upload_ids:
            return await self._with_upload(route, f"upload:{names.upload_ids[0]}")
        if self._claims.is_closed and (route.makes_event or route.is_long):
            return "", await self._any_other()
        return "", ME

    async def bury(self, dead: str) -> None:
        """Nobody listens where this process did. Should it live, it notices and looks again at
        what it holds. Raises `StoreUnavailable`."""
        self._presence.others.pop(dead, None)
        with reach.answering():
            await self._redis.delete(keys.process(dead))

    async def _with_event(self, event: str) -> Holder | None:
        """`None`: its process has gone."""
        wanted = event_ids.process_of(event)
        if wanted == process.ID:
            return ME
        address = self._presence.others.get(wanted) or await self._claims.address(wanted)
        return Holder(wanted, address) if address else None

    async def _with_upload(self, route: Route, name: str) -> tuple[str, Holder]:
        """An upload is where it arrives. Who asks for its progress may be earlier."""
        if route.body is Body.UPLOAD:
            if self._claims.is_closed:
                return "", await self._any_other()
            await self._claims.holder(name)
            return "", ME
        until = time.monotonic() + UPLOAD_PATIENCE
        while True:
            holder = await self._claims.holder(name, taking=False)
            if holder is not None:
                return name, holder
            if time.monotonic() > until:
                return "", ME
            await asyncio.sleep(_PAUSE)

    async def _any_other(self) -> Holder:
        if not self._presence.others:
            # Another may have started just now.
            with contextlib.suppress(RedisError, OSError):
                await asyncio.to_thread(self._presence.tell)
        others = list(self._presence.others.items())
        if not others:
            raise NoAnswer(_("The server is about to restart. Please try again."))
        return Holder(*random.choice(others))


def _event(route: Route, names: Names) -> str:
    """The one where whose process is the request belongs."""
    # A page's stream is where the page is, whatever has become of events that it names.
    if names.event_ids and not (names.session_hashes and route.is_stream):
        return names.event_ids[0]
    # Of a call without a page its event is the page.
    pages = filter(event_ids.is_event_id, names.session_hashes[:1])
    return next(pages, "")
