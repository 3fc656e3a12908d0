"""Every function of the app asks for itself whether its caller is staff."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import gradio as gr
import pytest
from django.contrib.auth.models import User

from gradio_ui.demos import live_sessions
from sessionstate import Session, logins
from sessionstate.engine import SessionStore

CALLS: dict[str, Callable[[Session], Coroutine[Any, Any, Any]]] = {
    "list": lambda session: live_sessions.list_sessions("", session),
    "ask": lambda session: live_sessions.ask(session.short_id, session),
    "end": lambda session: live_sessions.end_session(session.short_id, True, session),
}


def session_of(user: User) -> Session:
    store = SessionStore()
    store["_auth_user_id"] = str(user.pk)
    store.save()
    session = Session(str(store.session_key))
    session.load()
    return session


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "person",
    [{}, {"is_staff": True, "is_active": False}],
    ids=["not staff", "staff that was locked out"],
)
def test_who_is_not_staff_now_is_refused(person: dict[str, bool], call: str) -> None:
    session = session_of(User.objects.create(username="eve", **person))
    with pytest.raises(gr.Error, match="Only staff"):
        asyncio.run(CALLS[call](session))
    assert [login.id for login in logins.for_user(session.user_id)] == [session.id]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("person", [{"is_staff": True}, {"is_superuser": True}])
def test_staff_and_superusers_are_served(person: dict[str, bool]) -> None:
    session = session_of(User.objects.create(username="eve", **person))
    table, summary = asyncio.run(CALLS["list"](session))
    assert [row[:2] for row in table["data"]] == [[session.short_id, "eve (you)"]]
    assert summary == "1 live session, 1 signed-in user"


@pytest.mark.django_db(transaction=True)
def test_a_session_whose_user_was_deleted_is_listed_and_can_be_ended() -> None:
    ghost_user = User.objects.create(username="ghost")
    ghost = session_of(ghost_user)
    User.objects.filter(pk=ghost_user.pk)._raw_delete("default")
    admin = session_of(User.objects.create(username="root", is_staff=True))
    table, _ = asyncio.run(CALLS["list"](admin))
    assert len(table["data"]) == 2
    asyncio.run(live_sessions.end_session(ghost.short_id, False, admin))
    assert [login.id for login in logins.each()] == [admin.id]
