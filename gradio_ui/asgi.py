"""Everything below `/gradio/`: the gate, the mounted apps and their lifespan, as one ASGI app."""

import re
import secrets
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from accounts.conf import conf as account_conf
from accounts.watch import watch
from gradio_ui import calls, compat, gate, headers, registry, routes
from gradio_ui.compat import pages as compat_pages
from gradio_ui.compat.scripts import NONCE
from gradio_ui.connections import Connections
from gradio_ui.gate import Admission, LoginNeeded, Refused
from gradio_ui.login import login
from gradio_ui.ownership import Pages
from gradio_ui.passage import Passage
from gradio_ui.places import Place, entered
from gradio_ui.problems import Problem
from gradio_ui.revocation import Grant, Grants
from gradio_ui.routes import Access, Route
from sessionstate import Session, announce
from sessionstate.announce import News
from sessionstate.conf import conf
from sessionstate.threads import in_thread

if TYPE_CHECKING:
    import gradio

_SLUG = re.compile(r"/gradio/([^/]+)(/.*)?", re.DOTALL)
_UNAVAILABLE = Problem(
    503, "Restarting", "The server is about to restart. Please try again.", {"Retry-After": "3"}
)
_NOT_FOUND = Problem(404, "Not found", "There is no such app or page.")
_NOT_ALLOWED = Problem(405, "Method not allowed")


class GradioRouter:
    """Serves `http` and `lifespan`. Making one builds the registered apps."""

    def __init__(self) -> None:
        compat.prepare()
        from gradio_ui.lifespan import Lifespan
        from gradio_ui.mount import mount_all

        self.connections = Connections()
        self.pages = Pages(self._is_busy, self._forget)
        self.mounts = mount_all()
        self.lifespan = Lifespan(self.mounts.values(), self.connections)
        self.grants = Grants(watch, self.pages.end_session)
        announce.listen(self._heard)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._serve_lifespan(receive, send)
        send = headers.on_everything(send, scope)
        try:
            await self._serve(scope, receive, send)
        except Refused as refused:
            await self._explain(refused, scope, receive, send)
        except ClientDisconnect:
            return

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
        if route.access is Access.LOGIN:
            return await login(mount.spec.slug, scope, receive, send)
        admission, request = None, gate.parse(scope)
        if route.access is not Access.PUBLIC:
            admission = await gate.admit(request, mount.spec, route)
            _note(scope, **admission.log)
        if self.lifespan.is_draining:
            raise Refused(_UNAVAILABLE)
        await self.lifespan.start()
        if mount.app is None or mount.blocks is None:
            raise Refused(Problem(500, "This app failed to start", _failure(mount.failure)))
        inner = _inner_scope(scope, request, admission)
        if admission is None:
            return await mount.app(inner, receive, headers.on_public(send, scope["path"]))
        page_policy = ""
        if route.access is Access.PAGE:
            nonce = inner[NONCE] = secrets.token_urlsafe(16)
            page_policy = mount.policy.format(nonce=nonce)
        send = headers.on_private(send, admission.cookies, page_policy)
        owner = admission.owner
        intake = await gate.take(scope, receive, route, match[2], owner, self.pages)
        grant = self.grants.of(admission.login, mount)
        inner.update(Passage(mount.spec.slug, owner, self.pages, grant).entry())
        try:
            await gate.permit(admission, calls.rules_for(mount.blocks, match[2], intake.fields))
            if route.is_mcp:
                # Starlette would redirect to it.
                inner["path"] = f"{inner['path'].rstrip('/')}/"
            with self.pages.used(intake.names), entered(Place(mount.spec.slug, owner.user)):
                await self._pass(mount.app, route, inner, grant, intake.receive, send)
        finally:
            intake.close()

    async def _pass(
        self,
        app: ASGIApp,
        route: Route,
        inner: Scope,
        grant: Grant,
        receive: Receive,
        send: Send,
    ) -> None:
        if not route.is_stream:
            return await app(inner, receive, send)
        # From this version on Starlette would not listen for the disconnect.
        inner["asgi"] = {**inner.get("asgi", {}), "spec_version": "2.3"}
        with self.connections.opened(receive, is_endless=route.is_endless) as connection:
            grant.hold(connection)
            await app(inner, connection.receive, send)

    def _heard(self, news: News) -> None:
        # In whichever thread it was ended.
        if news.kind == "session" and (loop := self.lifespan.loop):
            loop.call_soon_threadsafe(self.pages.end_session, news.id)

    def _is_busy(self, session_hash: str) -> bool:
        return any(compat_pages.is_busy(blocks, session_hash) for blocks in self._all_blocks())

    def _forget(self, session_hash: str) -> None:
        for blocks in self._all_blocks():
            compat_pages.forget(blocks, session_hash)

    def _all_blocks(self) -> list["gradio.Blocks"]:
        return [mount.blocks for mount in self.mounts.values() if mount.blocks is not None]

    async def _first_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            raise Refused(_NOT_ALLOWED)
        route = Route(Access.PAGE, frozenset())
        admission = await gate.admit(gate.parse(scope), None, route)
        _note(scope, **admission.log)
        permitted = await in_thread(registry.permitted, admission.user)  # type: ignore[arg-type]
        target = f"/gradio/{permitted[0].slug}/" if permitted else "/"
        response = RedirectResponse(scope.get("root_path", "") + target, 302)
        await response(scope, receive, headers.on_private(send, admission.cookies))

    async def _explain(self, refused: Refused, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            request = gate.parse(scope)
            is_page = gate.is_navigation(request)
        except Refused:
            is_page = False
        response: Response = refused.problem.json()
        if is_page and isinstance(refused, LoginNeeded):
            response = RedirectResponse(
                gate.login_url(request), 302, headers={"Cache-Control": "no-store"}
            )
        elif is_page:
            return await refused.problem.page(scope, receive, send)
        response.headers["Vary"] = "Accept, Authorization, Cookie, Sec-Fetch-Mode"
        await response(scope, receive, send)


def _below_root(scope: Scope) -> str:
    """The path below the place where the site is mounted. Servers differ on whether `path`
    contains `root_path`; the specification says that it does."""
    root, path = scope.get("root_path", "").rstrip("/"), scope["path"]
    return str(path[len(root) :] if root and path.startswith(root + "/") else path)


def _note(scope: MutableMapping[str, Any], **values: object) -> None:
    scope.setdefault("log", {}).update(values)


def _failure(failure: registry.Failure | None) -> str:
    return (
        str(failure) if settings.DEBUG else "The people who run this site can see why in its log."
    )


def _ticket_headers() -> set[bytes]:
    names = ("Authorization", account_conf.bearer_header, account_conf.token_header)
    return {name.lower().encode() for name in names}


def _inner_scope(scope: Scope, request: HttpRequest, admission: Admission | None) -> Scope:
    """The request for Gradio, which believes every header."""
    tickets = _ticket_headers()
    kept = [
        (name, value)
        for name, value in scope["headers"]
        # Origin: Gradio would answer any of them with permission to read. Forwarded and
        # X-Gradio-Server: it would build its URLs from them; what a trusted proxy says of host
        # and scheme is in `request` already. Tickets: callbacks have the session and no use for
        # what opens it.
        if not name.startswith(b"x-forwarded-")
        and name not in {b"origin", b"forwarded", b"x-gradio-server", b"host", b"cookie"}
        and name not in tickets
    ]
    kept.append((b"host", request.get_host().encode("latin-1")))
    cookies = [
        f"{name}={value}"
        for name, value in request.COOKIES.items()
        if name not in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME)
    ]
    if cookies:
        kept.append((b"cookie", "; ".join(cookies).encode("latin-1", "replace")))
    inner = {**scope, "headers": kept, "scheme": request.scheme}
    # Nothing that a server or an outer layer put there may pass for ours.
    inner["state"] = dict(scope.get("state") or {})
    for key in ("user", "session", conf.attribute):
        inner.pop(key, None)
        inner["state"].pop(key, None)
    if admission:
        session = Session(admission.session_id)
        inner |= {"user": admission.user, conf.attribute: session}
        inner["state"][conf.attribute] = session
    return inner
