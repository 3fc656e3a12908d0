"""Around every step of a callback: load its state, run it, save what it changed.

A step is one call of a function, or one round of a generator up to its next `yield`. State is
read fresh before the first step and written after each step that changed something; of a step
that raises nothing is written. `gradio_ui.mount` puts `Steps` in place of
`Blocks.call_function`, which Gradio calls exactly once per step, for every kind of event.
"""

import asyncio
import inspect
import sys
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from gradio_ui import passage, rules
from gradio_ui.rules import Rule, Rules
from gradio_ui.telling import told
from sessionstate import Session, State, TabState, UserState
from sessionstate.conf import conf

if TYPE_CHECKING:
    import gradio
    from gradio.block_function import BlockFunction

KINDS: tuple[type[State], ...] = (Session, UserState, TabState)
# Attribute of a decorated function: the kinds of state it asks for.
NEEDS = "__gradio_ui_needs__"

_running: ContextVar["Call | None"] = ContextVar("gradio_ui_running", default=None)
_building = 0


def current_session() -> Session:
    """The session of the callback that is running, for code deep inside it.

    It is loaded when the callback takes a session or a `gr.Request`; otherwise reading it loads
    it, and async code says `await current_session().aload()` first. Raises LookupError outside.
    """
    if call := running():
        return call.session
    raise LookupError("current_session() is for code that a Gradio callback calls.")


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

        scope = request.request.scope  # type: ignore[union-attr]
        self.request = request
        self.failed = False
        self.session = Session(scope[conf.attribute].id)
        self.permits = Permits(scope["user"])
        self.user = scope["user"]
        passed = passage.of(scope)
        # The slug of the app.
        self.app = passed.slug if passed else ""
        self._grant = passed.grant if passed else None
        self.session.guard(self._ask)
        self._states: dict[type[State], State] = {Session: self.session}
        # `request.session` and `request.state.session` are this very object.
        scope[conf.attribute] = self.session
        scope.setdefault("state", {})[conf.attribute] = self.session

    def state(self, kind: type[State]) -> State:
        if kind not in self._states:
            self._states[kind] = self._make(kind)
            self._states[kind].guard(self._ask)
        return self._states[kind]

    @property
    def is_over(self) -> bool:
        """Whether the session or the permission has ended with which this was begun."""
        return self._grant is not None and self._grant.over is not None

    def check(self) -> None:
        with told():
            self._ask()

    def _ask(self) -> None:
        if self._grant is not None:
            self._grant.check()

    def _make(self, kind: type[State]) -> State:
        if kind is UserState:
            return UserState(self.user.pk)
        # Every client sends one; a bare POST to /run may not, and then there is no tab.
        return TabState(self.session.id, self.request.session_hash or "")

    async def load(self, kinds: Iterable[type[State]]) -> None:
        with told():
            for kind in kinds:
                await self.state(kind).aload()

    async def reload(self) -> None:
        """Drop what a step that failed has changed."""
        self.failed = False
        await self.load(list(self._states))

    async def save(self) -> None:
        self.check()
        with told():
            changed = [state for state in self._states.values() if state.changed]
            if changed and self.session not in changed:
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


class Run:
    """A generator between two steps, as Gradio keeps it."""

    def __init__(self, call: Call, iterator: AsyncIterator[Any]) -> None:
        self.call = call
        self.iterator = iterator
        self._closed = False

    async def aclose(self, *, saving: bool = True) -> None:
        """Gradio does this when the client has left, pressed stop, or the run is over: what
        the generator's `finally` changes is kept, what an unfinished step changed is not."""
        if self._closed:
            return
        self._closed = True
        try:
            if self.call.failed and not self.call.is_over:
                await self.call.reload()
        finally:
            with self.call.current():
                await self.iterator.aclose()  # type: ignore[attr-defined]
        if saving and not self.call.is_over:
            await self.call.save()


class Steps:
    """`Blocks.call_function` of a mounted app."""

    def __init__(
        self, call_function: Callable[..., Awaitable[dict[str, Any]]], rule: Rule | None = None
    ) -> None:
        """`rule`: of the app, for each of its functions."""
        self._call_function = call_function
        self._app_rules = frozenset({rule}) if rule else rules.NONE
        self._needs: WeakKeyDictionary[BlockFunction, frozenset[type[State]]] = WeakKeyDictionary()
        self._rules: WeakKeyDictionary[BlockFunction, Rules] = WeakKeyDictionary()

    async def __call__(
        self,
        block_fn: "BlockFunction",
        processed_input: list[Any],
        iterator: "Run | AsyncIterator[Any] | None" = None,
        requests: "gradio.Request | list[gradio.Request] | None" = None,
        *args: Any,
        **kwargs: Any,
    ) -> dict[str, Any]:
        run = iterator if isinstance(iterator, Run) else None
        required = self.rules(block_fn)
        if run:
            call = run.call
        elif block_fn.batch or not _has_session(requests):
            # A batch is of several people. The other is an app that a callback calls itself.
            await _permit_inside(block_fn, required - self._app_rules)
            return await self._call_function(
                block_fn, processed_input, iterator, requests, *args, **kwargs
            )
        else:
            call = Call(typing.cast("gradio.Request", requests))
        try:
            call.check()
            with told(block_fn):
                await call.permits.renew(required)
        except BaseException:
            if run:
                # Whoever may not go on leaves nothing behind either.
                await run.aclose(saving=False)
            raise
        if not run:
            await call.load(self.needs(block_fn))
        try:
            with call.current(), told(block_fn):
                result = await self._call_function(
                    block_fn,
                    processed_input,
                    run.iterator if run else None,
                    requests,
                    *args,
                    **kwargs,
                )
        except BaseException:
            call.failed = True
            raise
        if result["iterator"] is not None:
            run = result["iterator"] = run or Run(call, result["iterator"])
        try:
            await call.save()
        except asyncio.CancelledError:
            # Stopped in the middle of saving: the generator may still put its things in order.
            call.failed = True
            if run:
                await run.aclose()
            raise
        except BaseException:
            call.failed = True
            if run:
                run._closed = True
                await run.iterator.aclose()  # type: ignore[attr-defined]
            raise
        return result

    def rules(self, block_fn: "BlockFunction") -> Rules:
        """What must hold before each step: of the app and of the function. A validator runs
        before the function that it is of, so it has the rules of that one too."""
        if block_fn not in self._rules:
            found = self._app_rules | rules.of_event(block_fn)
            if block_fn.is_validator_function:
                blocks = self._call_function.__self__  # type: ignore[attr-defined]
                for main in blocks.fns.values():
                    if main.validator is block_fn.fn and main.inputs is block_fn.inputs:
                        found |= rules.of_event(main)
            self._rules[block_fn] = found
        return self._rules[block_fn]

    def needs(self, block_fn: "BlockFunction") -> frozenset[type[State]]:
        """What to load before the first step: nothing for functions that take neither a
        session nor a request; for others the session too, which says that it still stands."""
        if block_fn not in self._needs:
            self._needs[block_fn] = needs(block_fn)
        return self._needs[block_fn]


def needs(block_fn: "BlockFunction") -> frozenset[type[State]]:
    fn = block_fn.renderable.fn if block_fn.renderable else block_fn.fn
    kinds: frozenset[type[State]] = getattr(fn, NEEDS, frozenset())
    return kinds | {Session} if kinds or _takes_request(fn) else frozenset()


def _takes_request(fn: Any) -> bool:
    import gradio

    try:
        hints = typing.get_type_hints(fn if inspect.isroutine(fn) else fn.__call__)
    except Exception:
        # Gradio injects nothing then, either.
        return False
    return any(hint in (gradio.Request, gradio.Request | None) for hint in hints.values())


def _has_session(requests: Any) -> bool:
    scope = getattr(getattr(requests, "request", None), "scope", None) or {}
    return isinstance(scope.get(conf.attribute), Session)


async def _permit_inside(block_fn: "BlockFunction", required: Rules) -> None:
    """Of a call that has no request of its own. `required`: by the function; who may use the
    app is decided by then."""
    if not required:
        return
    outer = running()
    if outer is None or block_fn.batch:
        raise rules.nobodys_call(block_fn.name, is_building())
    await outer.permits.arequire(required)
