"""How tasks end that would go on for ever."""

import asyncio
from contextlib import suppress

import pytest

from sessionstate.tasks import end_tasks


async def forgetful(times: int) -> None:
    """Goes on, though it was cancelled."""
    for _ in range(times):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
    await asyncio.sleep(3600)


async def failing() -> None:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        raise RuntimeError from None


@pytest.mark.parametrize("times", [0, 1, 2])
async def test_who_forgets_that_it_was_cancelled_is_told_again(times: int) -> None:
    task = asyncio.create_task(forgetful(times))
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await end_tasks(task)
    assert task.cancelled()


async def test_all_are_done_whatever_they_end_with() -> None:
    done = asyncio.create_task(asyncio.sleep(0))
    await done
    tasks = [done, *(asyncio.create_task(work) for work in (failing(), forgetful(0)))]
    await asyncio.sleep(0)
    await end_tasks(*tasks)
    assert all(task.done() for task in tasks)


async def test_no_tasks_end_at_once() -> None:
    await end_tasks()
