"""Which conversation the callback that is running is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradio_ui.chats.store import Chat
from gradio_ui.models import Conversation
from gradio_ui.running import running
from sessionstate import Session, State, TabState
from sessionstate.threads import in_thread

_OPEN, _LISTED = "gradio_ui.chats.open", "gradio_ui.chats.listed"


@dataclass(frozen=True, slots=True)
class Place:
    """A tab shows one conversation, which every process finds in its `TabState`. The session
    knows the last one, so that a page that is loaded again shows it again."""

    chat: Chat
    tab: State
    session: State

    @classmethod
    async def here(cls, name: str) -> Place | None:
        """`name`: of this chat in its app. `None` when nobody is there: examples are cached
        while the app is built."""
        if (call := running()) is None:
            return None
        await call.load([Session, TabState])
        return cls(Chat(call.user.pk, call.app, name), call.state(TabState), call.session)

    @property
    def is_kept(self) -> bool:
        """Not for visitors without an account."""
        return self.chat.user_id is not None

    @property
    def _key(self) -> str:
        return f"{_OPEN}:{self.chat.app}:{self.chat.name}"

    @property
    def id(self) -> str | None:
        return self.tab.get(self._key)

    async def open(self) -> Conversation | None:
        return await in_thread(self.chat.find, self.id)

    async def open_last(self) -> Conversation | None:
        """What this tab showed, or else what any tab of this login showed last."""
        wanted = self.id if self._key in self.tab else self.session.get(self._key)
        found = await in_thread(self.chat.find, wanted)
        self.set(found)
        return found

    def set(self, conversation: Conversation | None) -> None:
        wanted = str(conversation.pk) if conversation else None
        self.tab[self._key] = self.session[self._key] = wanted

    @property
    def _listed_key(self) -> str:
        return f"{_LISTED}:{self.chat.app}:{self.chat.name}"

    def remember_list(self, listed: Sequence[Conversation]) -> None:
        """The list as the page is about to show it."""
        self.tab[self._listed_key] = [_row(conversation) for conversation in listed]

    @property
    def _listed(self) -> list[list[str]]:
        rows: list[list[str]] = self.tab.get(self._listed_key, [])
        return rows

    def has_listed(self, conversation: Conversation) -> bool:
        """Whether the page shows it already, under the title that it has."""
        return _row(conversation) in self._listed

    def listed_at(self, index: int, title: str) -> str | None:
        """The id of what somebody clicked on. While a new list is on its way to the page its
        rows have other places: then the title decides."""
        rows = self._listed
        if 0 <= index < len(rows) and rows[index][1] == title:
            return rows[index][0]
        return next((found for found, name in rows if name == title), None)


def _row(conversation: Conversation) -> list[str]:
    """Of the list, as the tab remembers it."""
    return [str(conversation.pk), conversation.title]
