"""A process for `test_contention`: `python -m tests.sessionstate.contention`. It fails or ends."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import django

THREADS, SAVES, KEYS = 6, 100, 12
LIMIT = 10**6


def main() -> None:
    from django.core.management import call_command
    from django.db import connection, transaction

    from sessionstate.backends import get_backend
    from sessionstate.backends.base import Address, Kind, Stamp, size_of
    from sessionstate.errors import SessionGone, StateTooLarge

    call_command("migrate", verbosity=0)
    backend, address = get_backend(), Address(Kind.SESSION, "x" * 32)

    def save(changes: dict[str, bytes | None], limit: int = LIMIT, **fields: str) -> None:
        stamp = Stamp(time.time(), time.time() + 3600, **fields)
        backend.save(address, changes, stamp, limit=limit)

    def save_at_random(seed: int) -> None:
        choice = random.Random(seed)
        for _ in range(SAVES):
            changes: dict[str, bytes | None] = {
                f"k{choice.randrange(KEYS)}": b"x" * choice.randrange(50) for _ in range(4)
            }
            if choice.random() < 0.2:
                changes[f"k{choice.randrange(KEYS)}"] = None
            save(changes)

    def behind(first: Callable[[], object], then: Callable[[], None]) -> Future[None]:
        """`then` begins when `first` is done and not committed."""
        with transaction.atomic():
            first()
            waiting = pool.submit(then)
            time.sleep(0.3)
            assert not waiting.done()
        return waiting

    with ThreadPoolExecutor(THREADS) as pool:
        backend.create(address, {"a": b"1"}, Stamp(time.time(), time.time() + 3600), limit=LIMIT)
        list(pool.map(save_at_random, range(THREADS)))
        state = backend.load(address)
        assert state is not None
        assert state.info.version == 1 + THREADS * SAVES
        assert state.info.size == size_of(state.values)

        behind(lambda: save({"a": b"x" * 900}, ip="::1"), lambda: save({"b": b"x" * 900})).result()
        state = backend.load(address)
        assert state is not None
        assert state.info.size == size_of(state.values) > 1800
        assert state.info.ip == "::1"

        # Judged by what the other one left.
        refused = behind(lambda: save({"a": b""}), lambda: save({"c": b"x" * 900}, 1800))
        assert isinstance(refused.exception(), StateTooLarge)
        left = backend.load(address)
        behind(lambda: save({"b": b""}), lambda: save({"c": b"x" * 900}, 1800)).result()
        assert left is not None and "c" not in left.values

        gone = behind(lambda: backend.delete(address), lambda: save({"a": b"1"}))
        assert isinstance(gone.exception(), SessionGone)
        assert backend.load(address) is None
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM sessionstate_statevalue")
            assert cursor.fetchone() == (0,)


if __name__ == "__main__":
    django.setup()
    main()
