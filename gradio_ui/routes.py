"""Every route of a Gradio app, and who may use it. A route that is not in the table is refused;
a test walks the routes of the pinned Gradio, so an upgrade cannot open one silently."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum


class Access(Enum):
    PUBLIC = "public"  # the same files for everybody, from Gradio's own package
    PAGE = "page"  # HTML: who is not signed in is sent to the login page
    USE = "use"  # needs a session, and counts as using it
    POLL = "poll"  # needs a session, but open pages do it by themselves: keeps no login alive
    REFUSED = "refused"


@dataclass(frozen=True)
class Route:
    access: Access
    methods: frozenset[str]
    # A response that stays open: ended from our side when the server stops.
    is_stream: bool = False
    # A stream that never ends by itself, so nobody waits for it.
    is_endless: bool = False


_GET = frozenset({"GET", "HEAD"})
_POST = frozenset({"POST"})
_ANY = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

_PUBLIC = Route(Access.PUBLIC, _GET)
_PAGE = Route(Access.PAGE, _GET)
_READ = Route(Access.USE, _GET)
_WRITE = Route(Access.USE, _POST)
_POLL = Route(Access.POLL, _GET)
_STREAM = Route(Access.POLL, _GET, is_stream=True)
_ENDLESS = Route(Access.POLL, _GET, is_stream=True, is_endless=True)
_REFUSED = Route(Access.REFUSED, _ANY)

_NAME = r"[^/]+"
_API = "/gradio_api"

# The first that matches the whole path decides.
_TABLE: list[tuple[str, Route]] = [
    ("/", _PAGE),
    (r"/(static|assets|svelte)/.+", _PUBLIC),
    (rf"({_API})?/theme\.css", _PUBLIC),
    (r"/(favicon\.ico|robots\.txt|manifest\.json)", _PUBLIC),
    (r"/pwa_icon(/\d+)?", _PUBLIC),
    # Who is there, and with what.
    ("/config/?", _READ),
    (rf"{_API}/(info|openapi\.json|user|login_check)/?", _READ),
    (rf"{_API}/deep_link", _READ),
    (rf"{_API}/custom_component/{_NAME}/{_NAME}/{_NAME}/{_NAME}", _READ),
    # Events.
    (rf"{_API}/queue/join", _WRITE),
    (rf"{_API}/(run|api|call|call/v2)/{_NAME}/?", _WRITE),
    (rf"{_API}/(cancel|reset/?|component_server/?|process_recording)", _WRITE),
    (rf"{_API}/call(/v2)?/{_NAME}/{_NAME}", _STREAM),
    (rf"{_API}/queue/data", _STREAM),
    (rf"{_API}/queue/status", _POLL),
    (rf"{_API}/app_id/?", _POLL),
    (rf"{_API}/heartbeat/{_NAME}", _ENDLESS),
    # Files and media.
    (rf"{_API}/upload", _WRITE),
    (rf"{_API}/upload_progress", _ENDLESS),
    (rf"{_API}/(file=|file/|proxy=).+", _READ),
    (rf"{_API}/stream/{_NAME}(/close)?", _WRITE),
    (rf"{_API}/stream/{_NAME}/{_NAME}/\d+/playlist\.m3u8", _POLL),
    (rf"{_API}/stream/{_NAME}/{_NAME}/\d+/{_NAME}", _READ),
    # Refused: Gradio's own login and the token it would have set, ours is in front of it;
    ("/(login|logout)/?", _REFUSED),
    (rf"{_API}/token/?", _REFUSED),
    # a second start of the queue for whoever asks, and pages for the developer of `launch()`;
    (rf"{_API}/(startup-events|dev/reload|runs/?)", _REFUSED),
    (rf"{_API}/(undo-)?vibe-[a-z-]+/?", _REFUSED),
    # what other users' events took, behind a key in the URL; FastAPI's own schema.
    ("/monitoring(/.*)?", _REFUSED),
    (r"/openapi\.json", _REFUSED),
]
_COMPILED = [(re.compile(pattern), route) for pattern, route in _TABLE]


def find(path: str, pages: Collection[str] = ()) -> Route | None:
    """The route of a path below the mount. `pages`: names of the further pages of the app.
    `None`: not in the table."""
    for pattern, route in _COMPILED:
        if pattern.fullmatch(path):
            return route
    return _PAGE if path.strip("/") in pages else None
