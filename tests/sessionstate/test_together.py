"""What is asked at the same time is answered together, and nobody pays for somebody else."""

import asyncio
from collections.abc import Sequence

import pytest

from sessionstate.together import Together


class Store:
    """Doubles numbers, in as many turns as it is let."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.turns = asyncio.Semaphore(0)
        self.failure: Exception | None = None

    async def answer(self, questions: Sequence[int]) -> list[int]:
        self.batches.append(list(questions))
        await self.turns.acquire()
        if self.failure:
            raise self.failure
        return [2 * question for question in questions]

    def together(self, *, most: int = 100, patience: float = 60.0) -> Together[int, int]:
        return Together(self.answer, most=most, patience=lambda: patience)

    def let(self, turns: int = 1) -> None:
        for _ in range(turns):
            self.turns.release()


async def all_began() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def begin(together: Together[int, int], *questions: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(together.ask(question)) for question in questions]
    await all_began()
    return tasks


async def test_what_is_asked_meanwhile_is_answered_in_one_go() -> None:
    store = Store()
    tasks = await begin(store.together(), 1, 2, 3, 4)
    store.let(2)
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert store.batches == [[1], [2, 3, 4]]


async def test_a_question_is_never_answered_by_what_was_asked_before_it() -> None:
    store = Store()
    together = store.together()
    first = await begin(together, 1)
    second = await begin(together, 2)
    third = await begin(together, 3)
    store.let(1)
    await first[0]
    await all_began()
    late = await begin(together, 4)
    store.let(2)
    assert await asyncio.gather(*second, *third, *late) == [4, 6, 8]
    assert store.batches == [[1], [2, 3], [4]]


async def test_a_batch_has_its_limit() -> None:
    store = Store()
    tasks = await begin(store.together(most=2), 1, 2, 3, 4)
    store.let(3)
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert store.batches == [[1], [2, 3], [4]]


async def test_a_failure_is_told_to_its_batch_and_the_next_one_is_asked_anew() -> None:
    store = Store()
    together = store.together()
    tasks = await begin(together, 1, 2, 3)
    store.let()
    assert await tasks[0] == 2
    store.failure = ConnectionError("gone")
    await all_began()
    late = await begin(together, 4)
    store.let()
    for task in tasks[1:]:
        with pytest.raises(ConnectionError):
            await task
    store.failure = None
    store.let()
    assert await late[0] == 8
    assert store.batches == [[1], [2, 3], [4]]


@pytest.mark.parametrize("alone", [True, False])
async def test_who_has_waited_long_fails_with_those_before(alone: bool) -> None:
    store = Store()
    together = store.together(patience=0)
    before = await begin(together, *([1] if alone else [1, 2]))
    if not alone:
        store.let()
        await before[0]
        await all_began()
    waiting = await begin(together, 3)
    store.failure = ConnectionError("gone")
    store.let()
    for task in [before[-1], *waiting]:
        with pytest.raises(ConnectionError):
            await task
    assert [3] not in store.batches


async def test_who_leaves_takes_nobody_along() -> None:
    store = Store()
    tasks = await begin(store.together(), 1, 2, 3, 4)
    for gone in (tasks[2], tasks[0]):
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
    store.let()
    assert await asyncio.gather(tasks[1], tasks[3]) == [4, 8]
    assert store.batches == [[1], [2, 4]]


async def test_when_all_have_left_the_next_is_served() -> None:
    store = Store()
    together = store.together()
    tasks = await begin(together, 1, 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await all_began()
    (last,) = await begin(together, 3)
    store.let()
    assert await last == 6


def test_each_event_loop_has_a_line_of_its_own() -> None:
    async def double(questions: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        return [2 * question for question in questions]

    together = Together(double, most=100, patience=lambda: 60.0)

    async def ask() -> list[int]:
        return list(await asyncio.gather(*await begin(together, 1, 2, 3)))

    assert asyncio.run(ask()) == asyncio.run(ask()) == [2, 4, 6]
