"""Sync store work for async code.

Django's own `sync_to_async` is thread-sensitive: outside a Django request all of it shares one
thread, and one slow query would stall every Gradio event of the process. This pool is ours alone.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

from sessionstate.conf import conf

P = ParamSpec("P")
R = TypeVar("R")

# Under ASGI CONN_MAX_AGE is 0, because Django's request threads come and go. These threads stay,
# and so may their connections: opening one costs more than a query, and on SQLite each closing of
# the last one writes the whole log back to the database file and waits for the disk.
_MAX_AGE = 600.0
# Seconds of rest after which a connection is looked at before it is used.
_TRUSTED = 1.0


class _Thread(threading.local):
    used = float("-inf")


_thread = _Thread()


@cache
def _pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="sessionstate")


async def in_thread(func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs `func` in the pool, whose threads keep their database connections for some minutes."""

    def call() -> R:
        _close_old_connections()
        try:
            return func(*args, **kwargs)
        finally:
            _keep_connections()

    if conf.threads == 0:
        return await sync_to_async(func, thread_sensitive=True)(*args, **kwargs)
    # `sync_to_async` could do this too, and takes half as long again.
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    return await loop.run_in_executor(_pool(conf.threads), context.run, call)


def _close_old_connections() -> None:
    if time.monotonic() - _thread.used <= _TRUSTED:
        return  # they were looked at after that
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()
        if connection.connection is not None and not connection.is_usable():
            connection.close()  # the server was restarted meanwhile


def _keep_connections() -> None:
    _thread.used = now = time.monotonic()
    for connection in connections.all(initialized_only=True):
        pooled = connection.settings_dict["OPTIONS"].get("pool")
        if connection.close_at is not None and connection.close_at <= now and not pooled:
            connection.close_at = now + _MAX_AGE
        connection.close_if_unusable_or_obsolete()
