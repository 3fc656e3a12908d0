"""Every route of a Gradio app, and who may use it. A route that is not in the table is refused;
a test walks the routes of the pinned Gradio, so an upgrade cannot open one silently."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

from gradio_ui.names import EVENT_ID, SESSION_HASH


class Access(Enum):
    PUBLIC = "public"  # the same files for everybody, from Gradio's own package
    PAGE = "page"  # HTML: who is not signed in is sent to the login page
    USE = "use"  # needs a session, and counts as using it
    POLL = "poll"  # needs a session, but open pages do it by themselves: keeps no login alive
    LOGIN = "login"  # answered here, see `gradio_ui.login`
    REFUSED = "refused"


class Body(Enum):
    """What a request may bring; whatever else it brings is not looked at."""

    NONE = "none"
    JSON = "json"  # small, and may name something
    ARGUMENTS = "arguments"  # the same, of a function by their names: none of them is one of ours
    JSON_OR_FORM = "json or form"
    UPLOAD = "upload"  # large, and passed on as it comes


class Target(Enum):
    """What of the app a request is for, see `gradio_ui.targets`."""

    NOTHING = "nothing"
    NAMED = "function, by its name in the path"
    FUNCTION = "function, by its number in the body or its name in the path"
    COMPONENT = "component, by its number in the body"


@dataclass(frozen=True)
class Route:
    access: Access
    methods: frozenset[str]
    body: Body = Body.NONE
    target: Target = Target.NOTHING
    # Puts an event into the queue.
    makes_event: bool = False
    # An answer that is not worth compressing.
    is_short: bool = False
    # The pattern of paths that name something.
    path: re.Pattern[str] | None = None
    # A response that stays open: ended from our side when the server stops.
    is_stream: bool = False
    # A stream that never ends by itself, so nobody waits for it.
    is_endless: bool = False
    # Only of apps that are registered with `mcp=True`.
    is_mcp: bool = False
    # Gradio's own files, see `gradio_ui.frontend`.
    is_frontend: bool = False
    # Names files of users, or makes some and names them in its answer; see `gradio_ui.named`.
    names_files: bool = False

    @property
    def is_long(self) -> bool:
        """Whether it may stay open as long as the app likes."""
        if self.is_stream or self.target is Target.COMPONENT:
            return True
        return self.body is Body.JSON and not self.is_short

    @property
    def is_of_events(self) -> bool:
        """A stream of what becomes of events, which ends with them."""
        return self.is_stream and not self.is_endless and not self.is_mcp

    @property
    def is_act(self) -> bool:
        """Whether it does more than look: with the first one a visitor's session begins."""
        return self.is_stream or "POST" in self.methods

    def named_in(self, path: str) -> dict[str, str]:
        """What a path of this route names, a function among it."""
        match = self.path.fullmatch(path) if self.path else None
        return match.groupdict() if match else {}


_GET = frozenset({"GET", "HEAD"})
_POST = frozenset({"POST"})
_ANY = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

_PUBLIC = Route(Access.PUBLIC, _GET)
PAGE = Route(Access.PAGE, _GET, names_files=True)
_READ = Route(Access.USE, _GET)
_POLL = Route(Access.POLL, _GET)
_STREAM = Route(Access.POLL, _GET, is_stream=True)
_ENDLESS = Route(Access.POLL, _GET, is_stream=True, is_endless=True)
_FILES = replace(_READ, names_files=True)
_SEND = Route(Access.USE, _POST, body=Body.JSON, is_short=True)
_CALL = replace(_SEND, target=Target.NAMED, makes_event=True)
# Without sessions of its own, and without a stream of what the server has to say.
_MCP = replace(_SEND, is_short=False, is_stream=True, is_mcp=True)
_REFUSED = Route(Access.REFUSED, _ANY)

_NAME = r"[^/]+"
_API = "/gradio_api"
_FUNCTION = rf"(?P<api_name>{_NAME})"
_HASH, _EVENT = (rf"(?P<{key}>{_NAME})" for key in (SESSION_HASH, EVENT_ID))

# The first that matches the whole path decides. Groups of the patterns are names; the other names
# of a route are in its query or its body.
_TABLE: list[tuple[str, Route]] = [
    ("/", PAGE),
    (r"/(static|assets)/.+", replace(_PUBLIC, is_frontend=True)),
    (r"/svelte/.+", _PUBLIC),
    (rf"({_API})?/theme\.css", _PUBLIC),
    (r"/(favicon\.ico|robots\.txt)", _PUBLIC),
    # Who is there, and with what.
    ("/config/?", _FILES),
    (rf"{_API}/(info|openapi\.json|user|login_check)/?", _READ),
    (rf"{_API}/deep_link", _FILES),
    (rf"{_API}/custom_component/{_NAME}/{_NAME}/{_NAME}/{_NAME}", _READ),
    # Events.
    (rf"{_API}/queue/join", replace(_SEND, target=Target.FUNCTION, makes_event=True)),
    # Its results may be large.
    (rf"{_API}/(run|api)/{_FUNCTION}/?", replace(_SEND, target=Target.FUNCTION, is_short=False)),
    (rf"{_API}/call/v2/{_FUNCTION}/?", replace(_CALL, body=Body.ARGUMENTS)),
    (rf"{_API}/call/{_FUNCTION}/?", _CALL),
    # Of an event, which says itself whose it is; its function may be gone.
    (rf"{_API}/cancel", _SEND),
    (rf"{_API}/reset/?", _SEND),
    (
        rf"{_API}/component_server/?",
        replace(_SEND, target=Target.COMPONENT, body=Body.JSON_OR_FORM, names_files=True),
    ),
    (rf"{_API}/call(/v2)?/{_NAME}/{_EVENT}", _STREAM),
    (rf"{_API}/queue/data", _STREAM),
    (rf"{_API}/queue/status", _POLL),
    (rf"{_API}/app_id/?", _POLL),
    (rf"{_API}/heartbeat/{_HASH}", _ENDLESS),
    # Files and media.
    (rf"{_API}/upload", replace(_SEND, body=Body.UPLOAD, names_files=True)),
    (rf"{_API}/process_recording", replace(_SEND, body=Body.UPLOAD)),
    (rf"{_API}/upload_progress", _ENDLESS),
    # Of another site: as long as that one likes.
    (rf"{_API}/(file[=/]https?:|proxy=).+", replace(_ENDLESS, access=Access.USE)),
    (rf"{_API}/file[=/].+", _FILES),
    (rf"{_API}/stream/{_EVENT}(/close)?", _SEND),
    (rf"{_API}/stream/{_HASH}/{_NAME}/\d+/playlist\.m3u8", _POLL),
    (rf"{_API}/stream/{_HASH}/{_NAME}/\d+/{_NAME}", _READ),
    (rf"{_API}/mcp(/http)?/?", _MCP),
    ("/login/?", Route(Access.LOGIN, _GET | _POST)),
    # Refused: Gradio's own logout and the token it would have set, ours is in front of it;
    ("/logout/?", _REFUSED),
    (rf"{_API}/token/?", _REFUSED),
    # a second start of the queue for whoever asks, and pages for the developer of `launch()`;
    (rf"{_API}/(startup-events|dev/reload|runs/?)", _REFUSED),
    (rf"{_API}/(undo-)?vibe-[a-z-]+/?", _REFUSED),
    # the former transport of MCP, which sends to whoever knows the id of a stream; every tool;
    (rf"{_API}/mcp/.+", _REFUSED),
    # what other users' events took, behind a key in the URL; FastAPI's own schema;
    ("/monitoring(/.*)?", _REFUSED),
    (r"/openapi\.json", _REFUSED),
    # what tells everybody the title of the page, see `gradio_ui.pwa` for ours.
    (r"/(manifest\.json|pwa_icon(/\d+)?)", _REFUSED),
]


def _compiled(pattern: str, route: Route) -> tuple[re.Pattern[str], Route]:
    compiled = re.compile(pattern)
    return compiled, replace(route, path=compiled) if compiled.groupindex else route


_COMPILED = [_compiled(pattern, route) for pattern, route in _TABLE]


def table() -> list[tuple[str, Route]]:
    """Patterns of paths below the mount, and their routes."""
    return list(_TABLE)


def find(path: str, pages: Collection[str] = ()) -> Route | None:
    """The route of a path below the mount. `pages`: names of the further pages of the app.
    `None`: not in the table."""
    route = _known(path) if len(path) <= _SHORT else _first(path)
    return PAGE if route is None and path.strip("/") in pages else route


def _first(path: str) -> Route | None:
    return next((route for pattern, route in _COMPILED if pattern.fullmatch(path)), None)


# Most requests are for one of a few short paths.
_SHORT = 80
_known = lru_cache(maxsize=1024)(_first)
