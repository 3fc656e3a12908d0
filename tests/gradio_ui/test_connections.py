"""An answer ends when its client leaves, when the server ends it, and by nothing else of ours."""

import asyncio

import pytest
from starlette.types import Message

from gradio_ui.connections import Connection


class Client:
    def __init__(self) -> None:
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.messages.put_nowait({"type": "http.request"})

    def leave(self) -> None:
        self.messages.put_nowait({"type": "http.disconnect"})


async def answer(connection: Connection, ends: list[str]) -> str:
    async with connection.lasting():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ends.append("cleaned up")
            await asyncio.sleep(0)  # which is not cancelled once more
            ends.append("in peace")
            raise
    return "ended"


@pytest.mark.parametrize("how", ["client leaves", "server ends it", "over before"])
async def test_what_goes_on_is_ended_in_an_orderly_way(how: str) -> None:
    client, ends = Client(), list[str]()
    connection = Connection(client.messages.get, is_endless=False)
    if how == "over before":
        connection.end()
    task = asyncio.create_task(answer(connection, ends))
    await asyncio.sleep(0.01)
    if how == "client leaves":
        client.leave()
    connection.end() if how == "server ends it" else None
    async with asyncio.timeout(10):
        assert await task == "ended"
    assert ends == ["cleaned up", "in peace"]
    assert connection.is_over and not task.cancelling()


async def test_who_cancels_it_from_outside_is_told() -> None:
    client, ends = Client(), list[str]()
    connection = Connection(client.messages.get, is_endless=False)
    task = asyncio.create_task(answer(connection, ends))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not connection.is_over


async def test_a_time_limit_within_is_its_own() -> None:
    connection = Connection(Client().messages.get, is_endless=False)
    with pytest.raises(TimeoutError):
        async with connection.lasting(), asyncio.timeout(0):
            await asyncio.sleep(60)


async def test_after_the_answer_nothing_is_cancelled() -> None:
    client = Client()
    connection = Connection(client.messages.get, is_endless=False)
    async with connection.lasting() as receive:
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
    connection.end()
    assert await waiting == {"type": "http.disconnect"}
    await asyncio.sleep(0.01)
