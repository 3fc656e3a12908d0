"""Annotations that are strings until somebody reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradio_ui import with_session
from sessionstate import Session, TabState, UserState


def postponed(count: Callable[..., Any]) -> Callable[..., Any]:
    class Mine(UserState):
        pass

    @with_session
    def postponed(word: str, tab: TabState, mine: Mine | None, session: Session) -> str:
        return count("postponed", word, session, mine, tab)

    return postponed
