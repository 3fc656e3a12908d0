"""An admitted request, on its way into the app of this process: what it asks for, whether that is
allowed to its user and within the limits, and what goes along with it."""

import logging
from contextlib import AbstractAsyncContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gradio_ui import connections, gate, named, storage, targets
from gradio_ui.answers import Answers
from gradio_ui.cluster.lost import tell_lost
from gradio_ui.compat import inputs
from gradio_ui.connections import Connections
from gradio_ui.gate import Admission, Request
from gradio_ui.intake import Intake
from gradio_ui.limits import Limits
from gradio_ui.ownership import Pages
from gradio_ui.passage import Passage
from gradio_ui.places import Place, entered
from gradio_ui.refusals import Refused, explaining
from gradio_ui.revocation import Grant, Grants
from gradio_ui.routes import Access, Body, Route, Target

if TYPE_CHECKING:
    from gradio_ui.mount import Mount

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    mount: "Mount"
    route: Route
    in_path: dict[str, str]
    request: Request
    admission: Admission
    # As Gradio sees it.
    inner: Scope
    intake: Intake


class Serving:
    def __init__(
        self,
        pages: Pages,
        limits: Limits,
        connections: Connections,
        grants: Grants,
        *,
        has_others: bool,
    ) -> None:
        """`has_others`: a page may have been in another process, which has gone."""
        self._pages, self._limits = pages, limits
        self._connections, self._grants = connections, grants
        self._has_others = has_others

    async def serve(self, asked: Asked, receive: Receive, send: Send) -> None:
        mount, route, inner = asked.mount, asked.route, asked.inner
        admission, intake = asked.admission, asked.intake
        assert mount.direct and mount.page and mount.blocks is not None
        owner = admission.owner
        with ExitStack() as stack:
            with explaining(inner):
                target = targets.find(mount.blocks, route, asked.in_path, intake)
                await gate.permit(admission, target.rules)
                if route.is_long:
                    stack.callback(await self._limits.stream(owner))
                if route.is_of_events:
                    if self._has_others and await tell_lost(
                        mount.blocks, intake.names, inner, send
                    ):
                        return
                    targets.check_page(mount.blocks, intake.names)
                if route.body is Body.UPLOAD or intake.is_form:
                    used = await self._limits.room(owner, inner)
                    receive = stack.enter_context(self._limits.upload(owner, used, inner, receive))
                booking = await self._limits.book(
                    owner, target.limits, intake.names, makes_event=route.makes_event
                )
                stack.callback(self._limits.end, booking)
            if route.is_mcp:
                # Starlette would redirect to it.
                inner["path"] = f"{inner['path'].rstrip('/')}/"
            grant = self._grants.of(admission.login, mount)
            passage = Passage(
                mount.spec.slug,
                owner,
                self._pages,
                grant,
                self._limits,
                booking,
                admission.reading if route.makes_event else None,
            )
            inner.update(passage.entry())
            lasting: AbstractAsyncContextManager[Receive] = nullcontext(receive)
            if route.is_stream:
                opened = self._connections.opened(receive, is_endless=route.is_endless)
                connection = stack.enter_context(opened)
                grant.hold(connection)
                inner[connections.KEY] = connection
                # From 2.4 on Starlette does not listen for the disconnect.
                version, lasting = "2.3", nullcontext(connection.receive)
                if route.is_of_events:
                    version, lasting = "2.4", connection.lasting()
                inner["asgi"] = {**inner.get("asgi", {}), "spec_version": version}
            elif route.target is Target.COMPONENT:
                send = _while_granted(grant, inner, send)
            stack.enter_context(entered(Place(mount.spec.slug, owner.user)))
            if route.names_files and storage.is_used():
                with explaining(inner):
                    await named.bring(inner, intake)
                send = named.keeping(inner, send)
            if route.access is Access.PAGE:
                # Gradio compresses everything but its largest answer. The highest level takes
                # twice as long for 4 % less.
                app: ASGIApp = GZipMiddleware(mount.page, compresslevel=4)
            else:
                app = mount.direct
            async with lasting as receive:
                await _answer(app, route, inner, receive, send)


def _while_granted(grant: Grant, scope: Scope, send: Send) -> Send:
    """A function that no event runs may have finished after its grant."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            with explaining(scope):
                grant.check()
        await send(message)

    return sent


async def _answer(app: ASGIApp, route: Route, inner: Scope, receive: Receive, send: Send) -> None:
    # Arguments by name that do not fit the function are an error of the server to Gradio, and
    # functions of components are given what was sent as it is.
    is_raw = route.body in (Body.ARGUMENTS, Body.JSON_OR_FORM)
    unfit = {500: 422} if is_raw else {}
    answers = Answers(inner, send, unfit)
    try:
        with inputs.noting(unfit):
            await app(inner, receive, answers)
    except Refused:
        raise
    except Exception:
        if not 400 <= answers.status < 500:
            raise
        logger.warning("The arguments of a call do not fit the function.", exc_info=True)
