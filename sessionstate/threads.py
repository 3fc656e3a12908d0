"""Sync store work for async code.

Django's own `sync_to_async` is thread-sensitive: outside a Django request all of it shares one
thread, and one slow query would stall every Gradio event of the process. This pool is ours alone.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from sessionstate.conf import conf

P = ParamSpec("P")
R = TypeVar("R")


@cache
def _pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="sessionstate")


async def in_thread(func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs `func` in the pool; connections past their age or broken are closed around it."""

    def call() -> R:
        close_old_connections()
        try:
            return func(*args, **kwargs)
        finally:
            close_old_connections()

    if conf.threads == 0:
        return await sync_to_async(func, thread_sensitive=True)(*args, **kwargs)
    return await sync_to_async(call, thread_sensitive=False, executor=_pool(conf.threads))()
