"""A plain function saves its session in its own thread, when nothing is in the way."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio import blocks

from gradio_ui import compat
from gradio_ui.passage import GrantOver
from gradio_ui.running import Call
from sessionstate import Session, UserState
from sessionstate.backends import get_backend
from sessionstate.backends.db import sqlite
from sessionstate.engine import SessionStore
from sessionstate.signals import values_changed
from tests.gradio_ui.calls import begun

compat.prepare()

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def session_id() -> str:
    store = SessionStore()
    store["color"] = "red"
    await store.asave()
    return str(store.session_key)


@pytest.fixture
def savers() -> Iterator[list[int]]:
    """The threads that have saved something."""
    found: list[int] = []

    def note(**_: Any) -> None:
        found.append(threading.get_ident())

    values_changed.connect(note)
    yield found
    values_changed.disconnect(note)


def paint(call: Call, color: str = "blue") -> int:
    call.session["color"] = color
    return threading.get_ident()


async def run(call: Call, function: Callable[..., Any], *args: Any) -> Any:
    """As `Steps` and `Blocks.call_function` run it."""
    call.needs_thread = True
    with call.current():
        return await blocks.anyio.to_thread.run_sync(function, *args)


async def stored(session_id: str) -> Session:
    session = Session(session_id)
    await session.aload()
    return session


async def test_it_is_saved_where_it_was_changed(session_id: str, savers: list[int]) -> None:
    call = await begun(session_id)
    thread = await run(call, paint, call)
    assert savers == [thread] and thread != threading.get_ident()
    assert (await stored(session_id))["color"] == "blue"
    await call.save()
    assert len(savers) == 1
    # The next step has no need to read it.
    await run(call, paint, call, "green")
    assert (await stored(session_id))["color"] == "green"


async def test_who_would_wait_for_another_leaves_it_to_the_loop(
    session_id: str, savers: list[int]
) -> None:
    call = await begun(session_id)
    with sqlite.writer:
        await run(call, paint, call)
    assert savers == [] and (await stored(session_id))["color"] == "red"
    await call.save()
    assert savers == [threading.get_ident()] and (await stored(session_id))["color"] == "blue"


async def test_other_backends_save_from_the_loop(
    session_id: str, savers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_backend(), "saves_at_once", lambda: False)
    call = await begun(session_id)
    await run(call, paint, call)
    assert savers == []
    await call.save()
    assert savers == [threading.get_ident()]


async def test_what_raises_or_was_stopped_saves_nothing(session_id: str, savers: list[int]) -> None:
    call = await begun(session_id)

    def fail() -> None:
        paint(call)
        raise ValueError

    def go_on() -> None:
        call.failed = True  # as when the event is cancelled meanwhile
        paint(call)

    with pytest.raises(ValueError):
        await run(call, fail)
    await run(call, go_on)
    assert savers == [] and (await stored(session_id))["color"] == "red"


async def test_an_app_that_it_calls_itself_saves_nothing(
    session_id: str, savers: list[int]
) -> None:
    call = await begun(session_id)

    def outer() -> None:
        async def inner() -> None:
            await blocks.anyio.to_thread.run_sync(paint, call)

        asyncio.run(inner())
        assert savers == []
        raise ValueError

    with pytest.raises(ValueError):
        await run(call, outer)
    assert savers == [] and (await stored(session_id))["color"] == "red"


async def test_several_states_are_saved_together(session_id: str, savers: list[int]) -> None:
    call = await begun(session_id)
    state = call.state(UserState)
    await state.aload()

    def both() -> None:
        state["size"] = 5
        paint(call)

    await run(call, both)
    assert savers == []
    await call.save()
    assert len(savers) == 2


async def test_a_grant_that_is_over_saves_nothing(session_id: str, savers: list[int]) -> None:
    def check() -> None:
        raise GrantOver("You have been signed out.")

    grant = SimpleNamespace(over="login", check=check)
    call = await begun(session_id, grant=grant)
    with pytest.raises(GrantOver):
        await run(call, paint, call)
    with pytest.raises(gr.Error, match="You have been signed out"):
        await call.save()
    assert savers == [] and (await stored(session_id))["color"] == "red"
