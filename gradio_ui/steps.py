"""Around every step of a callback: load its state, run it, save what it changed.

A step is one call of a function, or one round of a generator up to its next `yield`. State is
read before the first step (the session with its request, if that was let in a moment ago and no
other call is running) and written after each step that changed something; of a step that raises
nothing is written. `gradio_ui.mount` puts `Steps` in place of `Blocks.call_function`, which Gradio
calls exactly once per step, for every kind of event.
"""

import asyncio
import typing
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from gradio_ui import asked, limited, rates, rules, vetting
from gradio_ui.asked import Needs
from gradio_ui.rates import Limit
from gradio_ui.rules import Rule, Rules
from gradio_ui.running import Call, is_building, running
from sessionstate import Session
from sessionstate.conf import conf

if TYPE_CHECKING:
    import gradio
    from gradio.block_function import BlockFunction


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
        self,
        call_function: Callable[..., Awaitable[dict[str, Any]]],
        rule: Rule | None = None,
        limits: frozenset[Limit] = rates.NONE,
    ) -> None:
        """`rule` and `limits`: of the app, for each of its functions."""
        self._call_function = call_function
        self._app_limits = limits
        self._app_rules = frozenset({rule}) if rule else rules.NONE
        self._needs: WeakKeyDictionary[BlockFunction, Needs] = WeakKeyDictionary()
        self._rules: WeakKeyDictionary[BlockFunction, Rules] = WeakKeyDictionary()
        self._limits: WeakKeyDictionary[BlockFunction, frozenset[Limit]] = WeakKeyDictionary()

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
        needs, required = self.needs(block_fn), self.rules(block_fn)
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
        name = block_fn.name or ""
        try:
            call.check()
            with call.told(name):
                await call.permits.renew(required)
        except BaseException:
            if run:
                # Whoever may not go on leaves nothing behind either.
                await run.aclose(saving=False)
            raise
        if not run:
            await call.prepare(needs)
        try:
            with call.current(), call.told(name):
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

    @property
    def _blocks(self) -> "gradio.Blocks":
        return self._call_function.__self__  # type: ignore[attr-defined, no-any-return]

    def rules(self, block_fn: "BlockFunction") -> Rules:
        """What must hold before each step: of the app and of the function. A validator runs
        before the function that it is of, so it has the rules of that one too."""
        if block_fn not in self._rules:
            found = self._app_rules | rules.of_event(block_fn)
            if block_fn.is_validator_function:
                for main in self._blocks.fns.values():
                    if main.validator is block_fn.fn and main.inputs is block_fn.inputs:
                        found |= rules.of_event(main)
            self._rules[block_fn] = found
        return self._rules[block_fn]

    def limits(self, block_fn: "BlockFunction") -> frozenset[Limit]:
        """What a call is to be counted for, of the app and of the function."""
        if block_fn not in self._limits:
            self._limits[block_fn] = self._app_limits | limited.of_event(block_fn)
        return self._limits[block_fn]

    def needs(self, block_fn: "BlockFunction") -> Needs:
        if block_fn not in self._needs:
            # Those of the app have been checked when it was mounted; what it renders was not yet.
            vetting.check_function(block_fn)
            self._needs[block_fn] = asked.needs(block_fn)
        return self._needs[block_fn]


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
