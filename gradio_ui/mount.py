"""From a registered app to an ASGI application at `/gradio/<slug>`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import fastapi
import gradio
from starlette.applications import Starlette
from starlette.types import ASGIApp

from gradio_ui import (
    changes,
    csp,
    files,
    frontend,
    places,
    registry,
    running,
    storage,
    vetting,
    words,
)
from gradio_ui.compat import blocks as compat
from gradio_ui.compat import (
    observed,
    pages,
    pages_frontend,
    pages_styles,
    queues,
    scripts,
    shortcuts,
)
from gradio_ui.compat.direct import Direct
from gradio_ui.compat.inputs import hook_inputs
from gradio_ui.compat.known_pages import KnownPages
from gradio_ui.compat.places import hook_events
from gradio_ui.compat.stored import hook_files
from gradio_ui.failures import Failure
from gradio_ui.places import Place
from gradio_ui.registry import AppSpec
from gradio_ui.vetting import CannotMount

logger = logging.getLogger(__name__)

PREFIX = "/gradio"


@dataclass
class Mount:
    """One app as it is served, or the failure that is served in its place."""

    spec: AppSpec
    app: Starlette | None = None
    # The same without what is around its router, which would do again what the app does.
    direct: ASGIApp | None = None
    # The same for its pages.
    page: ASGIApp | None = None
    blocks: gradio.Blocks | None = field(default=None, repr=False)
    pages: frozenset[str] = field(default_factory=frozenset)
    # Of its pages, for the Content-Security-Policy header; with a place for the nonce.
    policy: str = ""
    # Whether its pages hear what else changes the session.
    wants_changes: bool = False
    failure: Failure | None = None

    @contextmanager
    def being_built(self) -> Iterator[None]:
        """While nobody asks yet: functions have no session, and files are for everybody."""
        with running.building(), places.entered(Place(self.spec.slug, None)):
            yield

    def fail(self, error: BaseException) -> None:
        if self.blocks is not None:
            self.blocks._queue.stopped = True
        self.app = self.page = self.direct = self.blocks = None
        self.failure = registry.record_failure(self.spec, error)


def mount_all() -> dict[str, Mount]:
    """Build every registered app. One that cannot be built does not keep the others away."""
    mounts: dict[str, Mount] = {}
    seen: dict[int, str] = {}
    for spec in registry.all_apps():
        mounts[spec.slug] = mount = Mount(spec)
        try:
            with mount.being_built():
                blocks = spec.build()
            if not isinstance(blocks, gradio.Blocks):
                raise CannotMount(
                    f"{spec.name}() returned {type(blocks).__name__}, not a gr.Blocks."
                )
            if id(blocks) in seen:
                raise CannotMount(
                    f"{spec.name}() returned the same Blocks as the app {seen[id(blocks)]!r}. "
                    "Build a new one for each app."
                )
            seen[id(blocks)] = spec.slug
            with mount.being_built():
                mount.app, mount.blocks = _mount(spec, blocks), blocks
                mount.direct = Direct(mount.app, blocks)
                mount.page = KnownPages(mount.app.router)
            mount.pages = frozenset(page for page, *_ in blocks.pages if page)
            mount.policy = csp.policy(_sources(spec, blocks))
            if changes.are_wanted(blocks):
                mount.wants_changes = True
                changes.tell_from_now_on()
        # SystemExit too: an app must not be able to end the server.
        except (Exception, SystemExit) as error:
            mount.fail(error)
    return mounts


def _mount(spec: AppSpec, blocks: gradio.Blocks) -> Starlette:
    vetting.check(blocks)
    options: dict[str, Any] = {"footer_links": ["api", "settings"], **spec.options}
    options["i18n"] = words.known_to(blocks, options.get("i18n"))
    if queue := options.pop("queue", None):
        blocks.queue(**queue)
    queues.ring_for_work(blocks)
    changes.follow_all(blocks)
    pages.lift_limits(blocks)
    compat.mark_launched(blocks)
    compat.pin_id(blocks, spec.slug)
    compat.hook_calls(blocks, spec.rule, spec.limits)
    hook_inputs(blocks)
    hook_events(blocks, spec.slug)
    if storage.is_used():
        hook_files(blocks)
    observed.hook(blocks, spec.slug)
    if spec.mcp:
        from gradio_ui.compat import mcp  # which takes a while to import

        mcp.install()
    # One parent for each app: its lifespan is its own, so one that fails to start is alone.
    # Gradio wants no more of it than what Starlette has.
    parent = Starlette()
    with shortcuts.trusting_the_gate():
        gradio.mount_gradio_app(
            parent,
            blocks,
            path=f"{PREFIX}/{spec.slug}",
            auth_dependency=_username,
            show_error=False,
            run_history=False,
            ssr_mode=False,
            mcp_server=spec.mcp,
            enable_monitoring=False,
            blocked_paths=[*options.pop("blocked_paths", ()), *files.secret()],
            **options,
        )
    shortcuts.events_first(parent)
    queues.bind(blocks, parent)
    pages_frontend.locate_fonts(blocks, frontend.url())
    pages_styles.expect(blocks)
    if spec.mcp and blocks.mcp_server_obj is None:
        raise CannotMount(blocks.mcp_error or "Gradio has made no MCP server.")
    return parent


def _sources(spec: AppSpec, blocks: gradio.Blocks) -> dict[str, list[str]]:
    """What the policy of an app's pages allows beyond what Gradio itself needs."""
    more = {name: [*given] for name, given in spec.csp.items()}
    sources = more.setdefault("script-src", [])
    sources += scripts.head_hashes(blocks)
    if spec.unsafe_eval:
        sources.append("'unsafe-eval'")
    elif found := scripts.needs_eval(blocks):
        logger.warning(
            "The Gradio app %r uses %s, which browsers run only when it is registered with "
            "unsafe_eval=True.",
            spec.slug,
            ", ".join(found),
        )
    return more


def _username(request: fastapi.Request) -> str | None:
    """`request.username` of callbacks. The gate has decided already; public assets ask nobody."""
    user = request.scope.get("user")
    return user.get_username() if user else None
