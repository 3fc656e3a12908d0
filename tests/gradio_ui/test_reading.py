"""A callback that begins at once has the session as the gate has read it; any other reads it."""

import time
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest
from django.contrib.auth.models import AnonymousUser
from starlette.requests import Request

from gradio_ui.asked import Needs
from gradio_ui.limits import Booking
from gradio_ui.ownership import Owner, Pages
from gradio_ui.passage import Passage
from gradio_ui.running import Call
from sessionstate import Session, recent
from sessionstate.backends import get_backend
from sessionstate.backends.base import Address, Kind, Stamp
from sessionstate.clock import timestamp
from sessionstate.codec import encode
from sessionstate.engine import SessionStore
from sessionstate.errors import SessionGone
from sessionstate.recent import Reading

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def long_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes its time between two lines."""
    monkeypatch.setattr(recent, "MOMENT", 1.0)


@pytest.fixture
async def session_id() -> str:
    store = SessionStore()
    store.update({"color": "red", "text": "x" * 1000})
    await store.asave()
    return str(store.session_key)


async def begun(session_id: str, reading: Reading | None) -> Call:
    """A call of a callback, for a request that passed the gate."""
    pages = Pages(is_busy=lambda name: False, forget=lambda name: None)
    passed = Passage("app", Owner("s", "ada"), pages, None, None, Booking("ada"), reading)  # type: ignore[arg-type]
    asked = {"type": "http", "method": "POST", "path": "/gradio/app/", "headers": []}
    scope: dict[str, Any] = {**asked, "user": AnonymousUser(), **passed.entry()}
    scope["session"] = Session(session_id)
    call = Call(gr.Request(Request(scope)))  # type: ignore[arg-type]
    await call.prepare(Needs(frozenset({Session})))
    return call


async def read(session_id: str) -> Reading | None:
    """As the gate does it."""
    began = time.monotonic()
    return Reading.of(await get_backend().aload(Address(Kind.SESSION, session_id)), began)


async def written_elsewhere(session_id: str, color: str = "blue") -> None:
    """In another process."""
    now = timestamp()
    values = {"color": encode(color)}
    address = Address(Kind.SESSION, session_id)
    await get_backend().asave(address, values, Stamp(now, now + 600), limit=10_000)


async def test_who_begins_at_once_reads_nothing(session_id: str) -> None:
    reading = await read(session_id)
    await written_elsewhere(session_id)
    call = await begun(session_id, reading)
    assert call.session["color"] == "red"
    # Only what it changes is written.
    call.session["size"] = 5
    await call.save()
    stored = Session(session_id)
    await stored.aload()
    assert (stored["color"], stored["size"]) == ("blue", 5)


async def saved_here(session_id: str) -> None:
    session = Session(session_id)
    await session.aload()
    session["color"] = "blue"
    await session.asave()


async def waited(session_id: str) -> None:
    await written_elsewhere(session_id)
    time.sleep(recent.MOMENT)


@pytest.mark.parametrize("between", [saved_here, waited])
async def test_who_could_have_missed_something_reads_anew(
    session_id: str, between: Callable[[str], Any]
) -> None:
    reading = await read(session_id)
    await between(session_id)
    call = await begun(session_id, reading)
    assert call.session["color"] == "blue"
    # What was read after it counts again.
    await written_elsewhere(session_id, "green")
    call = await begun(session_id, await read(session_id))
    assert call.session["color"] == "green"


async def test_nothing_large_waits_in_memory(
    session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "MOST", 1000)
    assert await read(session_id) is None
    await begun(session_id, None)


async def test_a_session_that_has_ended_since_is_not_saved(session_id: str) -> None:
    reading = await read(session_id)
    await get_backend().adelete(Address(Kind.SESSION, session_id))
    call = await begun(session_id, reading)
    call.session["size"] = 5
    with pytest.raises(gr.Error, match="You have been signed out") as refused:
        await call.save()
    assert isinstance(refused.value.__cause__, SessionGone)


async def test_a_process_forgets_what_it_wrote(session_id: str) -> None:
    await saved_here(session_id)
    time.sleep(recent.MOMENT)
    other = SessionStore()
    other["a"] = 1
    await other.asave()
    other["a"] = 2
    await other.asave()
    assert list(recent._written) == [Address(Kind.SESSION, str(other.session_key))]
