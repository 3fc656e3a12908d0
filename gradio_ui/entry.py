"""A request for an app on its way in: what it brings, who sends it, and what it is then let do."""

import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.utils.translation import gettext_noop as _
from starlette.types import Receive, Scope, Send

from gradio_ui import bodies, gate, headers
from gradio_ui.bodies import Malformed
from gradio_ui.compat.scripts import BODY, HEAD, NONCE
from gradio_ui.inner import inner_scope
from gradio_ui.intake import Intake, is_form, take_in
from gradio_ui.names import NOTHING, BadName, Names
from gradio_ui.ownership import Pages
from gradio_ui.problems import Problem
from gradio_ui.refusals import Refused
from gradio_ui.routes import Access, Body, Route
from gradio_ui.serving import Asked, Serving
from gradio_ui.shell import render_shell
from sessionstate.threads import in_thread

if TYPE_CHECKING:
    from gradio_ui.mount import Mount

# Bytes of a body: servers take in as many before they say anything of a request.
_GLANCE = 64 * 1024


class Entry:
    def __init__(
        self,
        mount: "Mount",
        route: Route,
        path: str,
        scope: Scope,
        receive: Receive,
        pages: Pages,
        serving: Serving,
    ) -> None:
        """`path`: below the mount."""
        self.route = route
        # Gives the body once more where it was taken in.
        self.receive = receive
        self._mount, self._in_path = mount, route.named_in(path)
        self._scope = scope
        self._pages, self._serving = pages, serving
        self._intake: Intake | None = None
        self._asked: Asked | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def names(self) -> Names:
        """What it names, as far as that was looked at."""
        return self._intake.names if self._intake else NOTHING

    async def glance(self) -> None:
        """Look at what it names before it is known who sends it. Not where that takes more than
        has come already, nor where it is wrong: nobody is told so who is not admitted.

        Raises `ClientDisconnect`.
        """
        receive, body = self.receive, None
        if self.route.body in (Body.JSON, Body.JSON_OR_FORM):
            # Without a length it may be anything.
            if not 0 < bodies.announced(self._scope) <= _GLANCE or is_form(self._scope):
                return
            body = await bodies.read(self._scope, receive, _GLANCE)
            self.receive = bodies.replay(body, receive)
        elif self.route.body is not Body.NONE:
            return
        try:
            await self._take_in()
        except (BadName, Malformed):
            if body is not None:
                self.receive = bodies.replay(body, receive)

    async def admit(self) -> None:
        """Once; from now on what it names is its sender's.

        Raises `Refused` and what it explains.
        """
        if self._asked is not None:
            return
        request = gate.parse(self._scope)
        admission = await gate.admit(request, self._mount.spec, self.route)
        self._scope.setdefault("log", {}).update(admission.log)
        check_started(self._mount)
        inner = inner_scope(self._scope, request, admission, self.route)
        intake = self._intake or await self._take_in()
        await gate.take(intake.names, self.route, admission.owner, self._pages)
        self._stack.enter_context(self._pages.used(intake.names))
        self._asked = Asked(
            self._mount, self.route, self._in_path, request, admission, inner, intake
        )

    async def _take_in(self) -> Intake:
        intake = await take_in(self._scope, self.receive, self.route, self._in_path)
        self._stack.callback(intake.close)
        self._intake, self.receive = intake, intake.receive
        return intake

    async def serve(self, receive: Receive, send: Send) -> None:
        """By the app of this process."""
        asked = self._asked
        assert asked is not None
        page_policy = ""
        if self.route.access is Access.PAGE:
            nonce = asked.inner[NONCE] = secrets.token_urlsafe(16)
            page_policy = self._mount.policy.format(nonce=nonce)
            shell = await in_thread(
                render_shell, asked.request, asked.admission, self._mount, nonce
            )
            asked.inner[HEAD], asked.inner[BODY] = shell.head, shell.body
            asked.admission.cookies.extend(shell.cookies)
        send = headers.on_private(send, asked.admission.cookies, page_policy)
        await self._serving.serve(asked, receive, send)


def check_started(mount: "Mount") -> None:
    if mount.app is None or mount.blocks is None:
        why = (
            str(mount.failure)
            if settings.DEBUG
            else _("The people who run this site can see why in its log.")
        )
        raise Refused(Problem(500, _("This app failed to start"), why))
