"""Wrapping a callback so that it stays what it is: Gradio decides by the kind of a function how
to run it."""

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Prepare = Callable[[tuple[Any, ...], dict[str, Any]], Arguments]
APrepare = Callable[[tuple[Any, ...], dict[str, Any]], Awaitable[Arguments]]


def wrap(
    fn: Callable[..., Any], prepare: Prepare, aprepare: APrepare | None = None
) -> Callable[..., Any]:
    """A function of the same kind that calls `fn` with what `prepare` makes of the arguments;
    async ones wait for `aprepare`, if there is one."""

    async def prepared(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        return await aprepare(args, kwargs) if aprepare else prepare(args, kwargs)

    call = callee(fn)
    wrapper: Callable[..., Any]
    if inspect.isasyncgenfunction(call):

        async def async_steps(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            args, kwargs = await prepared(args, kwargs)
            async with aclosing(fn(*args, **kwargs)) as results:
                async for result in results:
                    yield result

        wrapper = async_steps
    elif inspect.iscoroutinefunction(call):

        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = await prepared(args, kwargs)
            return await fn(*args, **kwargs)

        wrapper = coroutine
    elif inspect.isgeneratorfunction(call):

        def sync_steps(*args: Any, **kwargs: Any) -> Iterator[Any]:
            args, kwargs = prepare(args, kwargs)
            yield from fn(*args, **kwargs)

        wrapper = sync_steps
    else:

        def plain(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = prepare(args, kwargs)
            return fn(*args, **kwargs)

        wrapper = plain
    functools.update_wrapper(wrapper, call)
    wrapper.__name__ = name_of(fn)
    if isinstance(fn, functools.partial):
        # It has no annotations, and those of the wrapper are nobody's.
        wrapper.__annotations__ = {}
    return wrapper


def show(
    wrapper: Callable[..., Any], signature: inspect.Signature, annotations: dict[str, Any]
) -> None:
    """Have `inspect` and Gradio see these. The signature stands on what they find behind the
    wrapper: `functools.wraps` of a bound method, as in Gradio's `ChatInterface`, would copy it off
    the wrapper itself with its `self`."""

    def shown() -> None: ...

    functools.update_wrapper(shown, wrapper)
    shown.__wrapped__ = wrapper.__wrapped__  # type: ignore[attr-defined]
    shown.__signature__ = signature  # type: ignore[attr-defined]
    wrapper.__dict__.pop("__signature__", None)
    wrapper.__wrapped__ = shown  # type: ignore[attr-defined]
    wrapper.__annotations__ = annotations


def name_of(fn: Callable[..., Any]) -> str:
    while isinstance(fn, functools.partial):
        fn = fn.func
    return getattr(fn, "__name__", type(fn).__name__)


def function_of(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind a partial, a bound method or an object with `__call__`."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    fn = callee(fn)
    return getattr(fn, "__func__", fn)


def callee(fn: Callable[..., Any]) -> Callable[..., Any]:
    """What `inspect` can tell the kind of: for an object, its `__call__`."""
    if isinstance(fn, functools.partial) or inspect.isroutine(fn):
        return fn
    call: Callable[..., Any] = type(fn).__call__.__get__(fn)
    return call
