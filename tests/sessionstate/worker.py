"""A process of its own for the concurrency tests: `python -m tests.sessionstate.worker COMMAND`.

It prints one JSON value and ends; `rewrite` goes on until it is killed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import django


def create(**values: Any) -> str | None:
    from sessionstate.engine import SessionStore

    store = SessionStore()
    store.update(values)
    store.save()
    return store.session_key


def dump(session_id: str) -> dict[str, Any]:
    from sessionstate import Session

    session = Session(session_id)
    session.load()
    return dict(session)


def increment_own_keys(session_id: str, process: str, tasks: int, times: int) -> None:
    """Every task adds to a key of its own, all in one session."""
    from sessionstate import Session

    async def task(key: str) -> None:
        for _ in range(times):
            session = Session(session_id)
            await session.aload()
            session[key] = session.get(key, 0) + 1
            await session.asave()

    async def main() -> None:
        await asyncio.gather(*[task(f"{process}-{number}") for number in range(tasks)])

    asyncio.run(main())


def increment_one_key(session_id: str, tasks: int, times: int) -> None:
    """Every task adds to the same key, under `atomic()`."""
    from sessionstate import Session

    async def task() -> None:
        session = Session(session_id)
        for _ in range(times):
            async with session.atomic():
                session["sum"] = session.get("sum", 0) + 1

    async def main() -> None:
        await asyncio.gather(*[task() for _ in range(tasks)])

    asyncio.run(main())


def rewrite(session_id: str) -> None:
    """Writes the same new number into several keys, again and again."""
    from sessionstate import Session

    session = Session(session_id)
    session.load()
    number = session["a"]
    print("started", flush=True)
    while True:
        number += 1
        session.update(a=number, b=[number] * 50, c={"n": number})
        if number % 2:
            session["odd"] = "x" * 5000
        else:
            session.pop("odd", None)
        session.save()


COMMANDS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (create, dump, increment_own_keys, increment_one_key, rewrite)
}


if __name__ == "__main__":
    django.setup()
    print(json.dumps(COMMANDS[sys.argv[1]](**json.loads(sys.argv[2]))))
