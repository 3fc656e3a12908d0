"""A process that serves: it asks for a session again and again, and prints what it comes to know.

`python -m tests.sessionstate.asking SESSION_ID sync|async` prints a line for each change between
"alive", "down" and "gone", and ends with "gone" or when it is killed.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Iterable

import django


def ask(session_id: str) -> str:
    from sessionstate import Session
    from sessionstate.errors import SessionGone, StoreUnavailable

    try:
        Session(session_id).load()
    except SessionGone:
        return "gone"
    except StoreUnavailable:
        return "down"
    return "alive"


async def ask_async(session_id: str) -> str:
    from sessionstate import Session
    from sessionstate.errors import SessionGone, StoreUnavailable

    try:
        await Session(session_id).aload()
    except SessionGone:
        return "gone"
    except StoreUnavailable:
        return "down"
    return "alive"


def tell(states: Iterable[str]) -> None:
    last = ""
    for state in states:
        if state != last:
            print(state, flush=True)
        if state == "gone":
            return
        last = state
        time.sleep(0.005)


if __name__ == "__main__":
    django.setup()
    session_id, way = sys.argv[1:]
    if way == "async":
        with asyncio.Runner() as runner:
            tell(runner.run(ask_async(session_id)) for _ in itertools.count())
    else:
        tell(ask(session_id) for _ in itertools.count())
