"""Ending tasks that would go on for ever."""

from __future__ import annotations

import asyncio
from typing import Any

# Seconds until a task that goes on nevertheless is told again.
_AGAIN = 0.5


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancels them until they are done, whatever they end with.

    Once is not enough. `asyncio.wait_for`, by which redis-py sends each command, forgets before
    Python 3.12 that it was cancelled, if what it waits for has been done just then.
    """
    going = {task for task in tasks if not task.done()}
    while going:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=_AGAIN)
    await asyncio.gather(*tasks, return_exceptions=True)
