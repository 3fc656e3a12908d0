"""A layer around a backend that tells how long each of its operations takes, and which fail."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from sessionstate.backends.base import Backend

# Told after each operation: its name (without the `a` of the async twin), seconds, what it raised.
Note = Callable[[str, float, BaseException | None], None]

_SYNC = (
    *("load", "load_many", "living", "create", "save", "touch", "delete"),
    *("lock", "unlock", "infos", "purge", "ping"),
)
_OPERATIONS = {name: name for name in _SYNC} | {f"a{name}": name for name in _SYNC}


class Timed:
    """Has what the backend has."""

    def __init__(self, backend: Backend, note: Note) -> None:
        self._backend, self._note = backend, note

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._backend, name)
        if operation := _OPERATIONS.get(name):
            layer = _atimed if iscoroutinefunction(value) else _timed
            # Found without a detour from now on.
            value = self.__dict__[name] = layer(value, operation, self._note)
        return value


def _timed(method: Callable[..., Any], operation: str, note: Note) -> Callable[..., Any]:
    @wraps(method)
    def timed(*args: Any, **kwargs: Any) -> Any:
        with _noting(operation, note):
            return method(*args, **kwargs)

    return timed


def _atimed(
    method: Callable[..., Awaitable[Any]], operation: str, note: Note
) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def timed(*args: Any, **kwargs: Any) -> Any:
        with _noting(operation, note):
            return await method(*args, **kwargs)

    return timed


@contextmanager
def _noting(operation: str, note: Note) -> Iterator[None]:
    began, error = time.perf_counter(), None
    try:
        yield
    except Exception as raised:
        error = raised
        raise
    finally:
        note(operation, time.perf_counter() - began, error)
