"""Everything below `/gradio/`: the gate, the mounted apps and their lifespan, as one ASGI app."""

import asyncio
import gc
import logging
import re
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext_noop as _
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from accounts.watch import watch
from gradio_ui import compat, gate, headers, languages, metrics, registry, routes, style_sheets
from gradio_ui.cluster.routing import Cluster
from gradio_ui.compat import pages as compat_pages
from gradio_ui.conf import conf
from gradio_ui.connections import Connections
from gradio_ui.entry import Entry, check_started
from gradio_ui.inner import inner_scope
from gradio_ui.limits import Limits
from gradio_ui.load import Load, load
from gradio_ui.login import login
from gradio_ui.ownership import Pages
from gradio_ui.problems import Problem
from gradio_ui.refusals import LoginNeeded, Refused, explaining
from gradio_ui.revocation import Grants
from gradio_ui.routes import Access, Route
from gradio_ui.serving import Serving
from gradio_ui.static_files import static_files
from sessionstate import announce
from sessionstate.announce import News
from sessionstate.threads import in_thread

if TYPE_CHECKING:
    import gradio

    from gradio_ui.mount import Mount

logger = logging.getLogger(__name__)

_SLUG = re.compile(r"/gradio/([^/]+)(/.*)?", re.DOTALL)
_UNAVAILABLE = Problem(
    503,
    _("Restarting"),
    _("The server is about to restart. Please try again."),
    {"Retry-After": "3"},
)
_NOT_FOUND = Problem(404, _("Not found"), _("There is no such app or page."))
_NOT_ALLOWED = Problem(405, _("Method not allowed"))
# A redirect would count as the other site's still.
_ONCE_MORE = '<!doctype html><title>…</title><meta http-equiv="refresh" content="0">'


class GradioRouter:
    """Serves `http` and `lifespan`. Making one builds the registered apps."""

    def __init__(self, around: Callable[[ASGIApp], ASGIApp] = lambda app: app) -> None:
        """`around`: layers for what other processes hand over, which passes no others."""
        # What is made here stays. Looking through it for garbage would take a third of the time.
        gc.disable()
        try:
            compat.prepare()
            from gradio_ui.lifespan import Lifespan
            from gradio_ui.mount import mount_all

            self.mounts = mount_all()
        finally:
            gc.enable()
        self.connections = Connections()
        self.cluster = (
            Cluster(
                around(self), self._load, self._has_events, self.connections, self._forget_state
            )
            if conf.cluster
            else None
        )
        self.pages = Pages(self._is_busy, self._forget)
        self.limits = Limits(self._all_blocks, self.cluster.tallies if self.cluster else None)
        self._beginning: asyncio.Task[None] | None = None
        self.lifespan = Lifespan(self.mounts.values(), self.connections, self.cluster)
        self.grants = Grants(watch, self.pages.end_session)
        self.serving = Serving(
            self.pages,
            self.limits,
            self.connections,
            self.grants,
            has_others=self.cluster is not None,
        )
        announce.listen(self._heard)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._serve_lifespan(receive, send)
        send = headers.on_everything(send, scope)
        try:
            await self._serve(scope, receive, send)
        except Refused as refused:
            metrics.refused(scope["log"].get("app", "") if "log" in scope else "", refused)
            await self._explain(refused, scope, receive, send)
        except ClientDisconnect:
            return

    def begin(self) -> None:
        """At any request of the site: others may rely on this process before it is asked for an
        app."""
        if self.cluster and self._beginning is None and not self.lifespan.is_draining:
            self._beginning = asyncio.get_running_loop().create_task(self.lifespan.start())

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.lifespan.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.lifespan.stop()
                return await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _below_root(scope)
        if path in ("/gradio", "/gradio/"):
            return await self._first_app(scope, receive, send)
        match = _SLUG.fullmatch(path)
        mount = self.mounts.get(match[1]) if match else None
        if match is None or mount is None:
            raise Refused(_NOT_FOUND)
        _note(scope, app=mount.spec.slug)
        if match[2] is None:
            query = scope["query_string"].decode("latin-1")
            target = f"{scope.get('root_path', '')}/gradio/{match[1]}/" + (query and f"?{query}")
            return await RedirectResponse(target, 308)(scope, receive, send)
        route = routes.find(match[2], mount.pages)
        if route is None or route.access is Access.REFUSED or route.is_mcp > mount.spec.mcp:
            raise Refused(_NOT_FOUND)
        if scope["method"] not in route.methods:
            raise Refused(_NOT_ALLOWED)
        if route.is_frontend and (file := static_files().find_in_app(match[2])):
            return await static_files().answer(file, scope, send)
        if route.access is Access.LOGIN:
            return await login(mount.spec.slug, scope, receive, send)
        if not self.lifespan.is_draining:
            await self.lifespan.start()
        elif self.cluster is None:
            raise Refused(_UNAVAILABLE)
        if route.access is Access.PUBLIC:
            return await self._serve_public(mount, route, scope, receive, send)
        with Entry(mount, route, match[2], scope, receive, self.pages, self.serving) as entry:
            with explaining(scope):
                if self.cluster is not None:
                    return await self.cluster.serve(entry, scope, send)
                await entry.admit()
            await entry.serve(entry.receive, send)

    async def _serve_public(
        self, mount: "Mount", route: Route, scope: Scope, receive: Receive, send: Send
    ) -> None:
        check_started(mount)
        assert mount.app is not None and mount.blocks is not None
        with explaining(scope):
            inner = inner_scope(scope, gate.parse(scope), None, route)
        if style_sheets.is_theme(mount.blocks, scope):
            send = headers.on_public(send, is_kept=True)
            return await style_sheets.theme(mount.blocks, scope)(scope, receive, send)
        await mount.app(inner, receive, headers.on_public(send))

    def _heard(self, news: News) -> None:
        # In whichever thread it was ended.
        if news.kind == "session" and (loop := self.lifespan.loop):
            loop.call_soon_threadsafe(self.pages.end_session, news.id)

    def _is_busy(self, session_hash: str) -> bool:
        return any(compat_pages.is_busy(blocks, session_hash) for blocks in self._all_blocks())

    def _has_events(self, session_hash: str) -> bool:
        return any(compat_pages.undelivered(blocks, session_hash) for blocks in self._all_blocks())

    def _forget(self, session_hash: str) -> None:
        for blocks in self._all_blocks():
            compat_pages.forget(blocks, session_hash)
        if self.cluster:
            self.cluster.forget(session_hash)

    def _forget_state(self, session_hash: str) -> None:
        for blocks in self._all_blocks():
            compat_pages.forget_state(blocks, session_hash)

    def _load(self) -> Load:
        return load(self._all_blocks(), self.connections)

    def _all_blocks(self) -> list["gradio.Blocks"]:
        return [mount.blocks for mount in self.mounts.values() if mount.blocks is not None]

    async def _first_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            raise Refused(_NOT_ALLOWED)
        route = Route(Access.PAGE, frozenset())
        cookies: list[str] = []
        try:
            admission = await gate.admit(gate.parse(scope), None, route)
        except LoginNeeded:
            # A visitor gets a ticket there.
            if not (permitted := registry.permitted(AnonymousUser())):
                raise
        else:
            _note(scope, **admission.log)
            cookies = admission.cookies
            permitted = await in_thread(registry.permitted, admission.user)  # type: ignore[arg-type]
        target = f"/gradio/{permitted[0].slug}/" if permitted else "/"
        response = RedirectResponse(scope.get("root_path", "") + target, 302)
        await response(scope, receive, headers.on_private(send, cookies))

    async def _explain(self, refused: Refused, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            request = gate.parse(scope)
            is_page = gate.is_navigation(request)
        except Refused:
            is_page = False
        with languages.of(scope):
            response: Response = refused.problem.json()
        if is_page and isinstance(refused, LoginNeeded):
            response = (
                HTMLResponse(_ONCE_MORE)
                if gate.is_withheld(request)
                else RedirectResponse(gate.login_url(request), 302)
            )
            response.headers["Cache-Control"] = "no-store"
        elif is_page:
            return await refused.problem.page(scope, receive, send)
        response.headers["Vary"] = "Accept, Accept-Language, Authorization, Cookie, Sec-Fetch-Mode"
        await response(scope, receive, send)


def _below_root(scope: Scope) -> str:
    """The path below the place where the site is mounted. Servers differ on whether `path`
    contains `root_path`; the specification says that it does."""
    root, path = scope.get("root_path", "").rstrip("/"), scope["path"]
    return str(path[len(root) :] if root and path.startswith(root + "/") else path)


def _note(scope: MutableMapping[str, Any], **values: object) -> None:
    scope.setdefault("log", {}).update(values)
