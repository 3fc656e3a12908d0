"""The call of a callback that is running, and what code deep inside it may ask for."""

import sys
import typing
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_noop as _

from gradio_ui import asked, passage
from gradio_ui.asked import Needs, OfState, OfUser, S, scope_of
from gradio_ui.telling import error, told
from sessionstate import Session, State, TabState, UserState
from sessionstate.conf import conf

if TYPE_CHECKING:
    import gradio
    from django.contrib.auth.models import AnonymousUser, User

_running: ContextVar["Call | None"] = ContextVar("gradio_ui_running", default=None)
_building = 0


def current_session() -> Session:
    """The session of the callback that is running, for code deep inside it, in threads too that
    `asyncio.to_thread` has started.

    It is loaded when the callback takes a session or a `gr.Request`; otherwise reading it loads
    it, and async code says `await current_session().aload()` first. Raises LookupError outside.
    """
    return _call("current_session").session


def current_state(kind: type[S]) -> S:
    """The same for `UserState` and `TabState`, and for classes of one's own."""
    return _call("current_state").state(kind)


def current_user() -> "User | AnonymousUser":
    """Whose call the callback that is running answers. Raises LookupError outside."""
    return _call("current_user").user


def _call(name: str) -> "Call":
    if call := running():
        return call
    raise LookupError(f"{name}() is for code that a Gradio callback calls.")


def running() -> "Call | None":
    return _running.get()


def is_request(value: Any) -> bool:
    # Only who has imported Gradio can have one.
    routes = sys.modules.get("gradio.routes")
    return routes is not None and isinstance(value, routes.Request)


def is_building() -> bool:
    return _building > 0


@contextmanager
def building() -> Iterator[None]:
    """While an app is built its functions have no session. Not a context variable: Gradio
    caches examples on another thread."""
    global _building
    _building += 1
    try:
        yield
    finally:
        _building -= 1


class Call:
    """One run of one function, from its first step to its last, and the state it was given."""

    def __init__(self, request: "gradio.Request") -> None:
        # Decorated functions may stand in modules that are read before there are models.
        from gradio_ui.permits import Permits

        self._scope = scope = request.request.scope  # type: ignore[union-attr]
        self.request = request
        self.failed = False
        self.session = Session(scope[conf.attribute].id)
        self.permits = Permits(scope["user"])
        self.user: User | AnonymousUser = scope["user"]
        self.passed = passed = passage.of(scope)
        # The slug of the app.
        self.app = passed.slug if passed else ""
        # What this call has been counted for before it began, see `gradio_ui.limited`.
        self.paid = set(passed.paid) if passed else set()
        self._grant = passed.grant if passed else None
        self.session.guard(self._ask)
        # By scope, and the same as classes of the app's own.
        self._states: dict[type[State], State] = {Session: self.session}
        self._views: dict[type[State], State] = {}
        # `request.session` and `request.state.session` are this very object.
        scope[conf.attribute] = self.session
        scope.setdefault("state", {})[conf.attribute] = self.session

    def state(self, kind: type[S]) -> S:
        scope = scope_of(kind)
        if scope not in self._states:
            self._states[scope] = self._make(scope)
            self._states[scope].guard(self._ask)
        state = self._states[scope]
        if not isinstance(state, kind):
            state = self._views.setdefault(kind, state.seen_as(kind))
        return typing.cast(S, state)

    def give(self, ours: OfState | OfUser, name: str) -> Any:
        """What an argument of the function `name` asks for."""
        if isinstance(ours, OfState):
            return self.state(ours.kind)
        if isinstance(self.user, ours.classes):
            return self.user
        if self.user.is_authenticated:
            raise TypeError(asked.wrong_user(name, ours.classes, type(self.user)))
        if ours.or_none:
            return None
        raise error(self._scope, _("Sign in to do this."))

    @property
    def is_over(self) -> bool:
        """Whether the session or the permission has ended with which this was begun."""
        return self._grant is not None and self._grant.over is not None

    def told(self, function: str = "") -> AbstractContextManager[None]:
        """A context whose errors are told to who makes this call."""
        return told(self._scope, function)

    def check(self) -> None:
        with self.told():
            self._ask()

    def _ask(self) -> None:
        if self._grant is not None:
            self._grant.check()

    def _make(self, scope: type[State]) -> State:
        if scope is UserState:
            if self.user.is_authenticated:
                return UserState(self.user.pk)
            return UserState.of_visitor(self.session.id)
        # Every client sends one; a bare POST to /run may not, and then there is no tab.
        return TabState(self.session.id, self.request.session_hash or "")

    async def prepare(self, needs: Needs) -> None:
        """Before the first step. The user is read anew: a call may have waited in the queue. If it
        has not, the session is as the gate has just read it."""
        scopes = needs.scopes
        reading = self.passed.reading if self.passed else None
        if Session in scopes and reading is not None and reading.is_current:
            self.session.take(reading.snapshot)
            scopes = scopes - {Session}
        await self.load(scopes)
        if needs.user:
            with self.told():
                self.user = await self.permits.auser()

    async def load(self, scopes: Iterable[type[State]]) -> None:
        with self.told():
            for scope in scopes:
                await self.state(scope).aload()

    async def reload(self) -> None:
        """Drop what a step that failed has changed."""
        self.failed = False
        await self.load(list(self._states))

    async def save(self) -> None:
        self.check()
        with self.told(), self.current():
            changed = [state for state in self._states.values() if state.changed]
            if changed and not any(state is self.session for state in changed):
                # Their own records would not refuse: they are not the login's.
                await Session(self.session.id).aload()
            for state in changed:
                await state.asave()

    @contextmanager
    def current(self) -> Iterator[None]:
        # Around each step anew: sync generators run every step in a fresh copy of the context.
        token = _running.set(self)
        try:
            yield
        finally:
            _running.reset(token)
