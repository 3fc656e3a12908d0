"""A process of its own for the concurrency tests: `python -m tests.sessionstate.worker COMMAND`.

It prints one JSON value and ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import django


def migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def create(count: int = 1, **values: Any) -> list[str | None]:
    from sessionstate.engine import SessionStore

    stores = [SessionStore() for _ in range(count)]
    for store in stores:
        store.update(values)
        store.save()
    return [store.session_key for store in stores]


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


def kill_writers(rounds: list[list[str]]) -> None:
    """In each round one writer for each session id, all at once and all killed at some moment.

    They are forked, as starting an interpreter for each would take longer than all the writing.
    """
    from django.db import connections

    dump(rounds[0][0])  # imports everything
    connections.close_all()
    for ids in rounds:
        writers = [_Writer(session_id) for session_id in ids]
        for writer in writers:
            writer.started()
        for writer in random.sample(writers, len(writers)):
            time.sleep(random.uniform(0, 0.01))
            writer.kill()
        alone = len(set(ids)) == len(ids)
        acknowledged = [writer.saved for writer in writers] if alone else None
        _wait(_fork(lambda: _check(ids, acknowledged)), 0)  # noqa: B023  # waited for


class _Writer:
    def __init__(self, session_id: str) -> None:
        self._pipe, end = os.pipe()
        self._pid = _fork(lambda: _rewrite(session_id, end))
        os.close(end)
        self.saved = -1

    def started(self) -> None:
        assert os.read(self._pipe, 1) == b"!"

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        _wait(self._pid, -signal.SIGKILL)
        with os.fdopen(self._pipe) as lines:
            # The last one may be cut off.
            for line in lines:
                if line.endswith("\n"):
                    self.saved = int(line)


def _rewrite(session_id: str, pipe: int) -> None:
    """Writes the same new number into several keys, again and again, and says what is saved."""
    from sessionstate import Session

    session = Session(session_id)
    number = session["a"]
    os.write(pipe, b"!" + b"%d\n" % number)
    while True:
        number += 1
        session.update(a=number, b=[number] * 50, c={"n": number})
        if number % 2:
            session["odd"] = "x" * 5000
        else:
            session.pop("odd", None)
        session.save()
        os.write(pipe, b"%d\n" % number)


def _check(ids: list[str], acknowledged: list[int] | None) -> None:
    for position, session_id in enumerate(ids):
        state = dump(session_id)
        number = state["a"]
        assert state == whole(number), "torn"
        if acknowledged:
            # What `save()` returned from is stored; what it was killed in may be.
            assert number - acknowledged[position] in (0, 1), (number, acknowledged[position])


def whole(number: int) -> dict[str, Any]:
    state = {"a": number, "b": [number] * 50, "c": {"n": number}}
    return state | ({"odd": "x" * 5000} if number % 2 else {})


def _fork(work: Callable[[], None]) -> int:
    if pid := os.fork():
        return pid
    _leave(work)


def _leave(work: Callable[[], None]) -> NoReturn:
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def _wait(pid: int, expected: int) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == expected, code


COMMANDS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (migrate, create, dump, increment_own_keys, increment_one_key, kill_writers)
}


if __name__ == "__main__":
    django.setup()
    print(json.dumps(COMMANDS[sys.argv[1]](**json.loads(sys.argv[2]))))
