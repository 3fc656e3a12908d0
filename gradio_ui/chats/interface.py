"""`gr.ChatInterface` with a list of the user's conversations, kept on the server.

    from gradio_ui.chats.interface import ChatInterface

    demo = ChatInterface(reply)      # instead of gr.ChatInterface(reply)

Whatever device they come back on, people find their conversations in the side panel: open,
rename, delete, export. `reply` stays what it is for Gradio.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from django.utils.translation import gettext_noop as _

from gradio_ui import languages, telling
from gradio_ui.chats import recording, store
from gradio_ui.chats.place import Place
from gradio_ui.compat.chat import AnsweringChat
from gradio_ui.models import TITLE_LENGTH, Conversation
from gradio_ui.words import word
from sessionstate.threads import in_thread

_PRIVATE: dict[str, Any] = {
    "api_visibility": "undocumented",
    "queue": False,
    "show_progress": "hidden",
}
_KEPT = _("No conversations yet. What you ask is kept here.")
_NOT_KEPT = _("Sign in, and what you ask is kept here.")


class ChatInterface(AnsweringChat):
    def __init__(self, fn: Callable[..., Any], *, name: str = "", **options: Any) -> None:
        """`options` are Gradio's, without `save_history`. `name` tells several chats of one app
        apart. Programs call the function by its name, or `api_name`, and `/conversations`; the rest
        is under `/api/chats`."""
        if options.pop("save_history", False):
            raise TypeError("This ChatInterface keeps its history on the server already.")
        self._name = name
        self._takes_more = bool(options.get("additional_outputs"))
        super().__init__(recording.remembered(fn, name, self._said), **options)
        if options.get("chatbot") is None:
            # Not "share", which publishes a conversation on Hugging Face.
            self.chatbot.buttons = ["copy", "copy_all"]
        with self:
            self._render_conversations()
            self._connect_conversations()

    def _said(self, given: Any, role: str) -> list[dict[str, Any]]:
        if role == "assistant" and self._takes_more:
            given, *_ = given
        return self.as_messages(given, role)

    def _render_conversations(self) -> None:
        # Closed at first: on a phone it covers the page.
        with gr.Sidebar(label=word("Conversations"), width=280, open=False) as self._sidebar:
            self._new = gr.Button(word("New chat"), variant="primary", size="md")
            self._list = gr.Dataset(
                components=[gr.Textbox(visible=False)],
                samples=[],
                type="index",
                layout="table",
                label=word("Your conversations"),
                samples_per_page=20,
            )
            self._none = gr.Markdown(word(_KEPT))
            with gr.Column(visible=False) as self._tools:
                self._title = gr.Textbox(
                    label=word("Title of this conversation"), max_length=TITLE_LENGTH, max_lines=1
                )
                self._export = gr.Markdown()
                self._delete = gr.Button(word("Delete this conversation"), size="sm")
                with gr.Row(visible=False) as self._sure:
                    self._really = gr.Button(word("Delete for good"), variant="stop", size="sm")
                    self._keep = gr.Button(word("Keep it"), size="sm")

    def _connect_conversations(self) -> None:
        panel = [self._list, self._none, self._tools, self._title, self._export, self._sure]
        # What is shown, and the value that ChatInterface is told from outside.
        page = [self.chatbot, self.chatbot_value]
        sure = [self._sure]
        changes = [
            self.load(self._reopen, None, [*page, self._sidebar], **_PRIVATE),
            self._new.click(self._begin_anew, None, page, **_PRIVATE),
            self._list.select(self._open_listed, None, page, **_PRIVATE),
            self._title.submit(self._rename, self._title, None, **_PRIVATE),
            self._really.click(self._forget, None, page, **_PRIVATE),
            self.chatbot.clear(self._forget, None, page, **_PRIVATE),
        ]
        for change in changes:
            change.then(self._show_panel, None, panel, **_PRIVATE)
        self.answered(self._show_answered, None, panel, **_PRIVATE)
        self.chatbot.undo(self._undo, None, None, **_PRIVATE)
        self._delete.click(lambda: gr.Row(visible=True), None, sure, **_PRIVATE)
        self._keep.click(lambda: gr.Row(visible=False), None, sure, **_PRIVATE)
        gr.api(self._conversations, api_name="conversations")  # type: ignore[attr-defined]

    # What the events do.

    async def _place(self) -> Place:
        place = await Place.here(self._name)
        assert place is not None
        return place

    async def _show_panel(self, request: gr.Request) -> tuple[Any, ...]:
        return await self._panel(request, keeps_title=False)

    async def _show_answered(self, request: gr.Request) -> tuple[Any, ...]:
        """Somebody may be writing a new title meanwhile."""
        return await self._panel(request, keeps_title=True)

    async def _panel(self, request: gr.Request, *, keeps_title: bool) -> tuple[Any, ...]:
        place = await self._place()
        found = await place.open()
        title: Any = found.title if found else ""
        if keeps_title and found and place.has_listed(found):
            title = gr.skip()
        listed = await in_thread(place.chat.listed)
        place.remember_list(listed)
        return (
            gr.Dataset(samples=[[conversation.title] for conversation in listed]),
            gr.Markdown(_said(request, _KEPT if place.is_kept else _NOT_KEPT), visible=not listed),
            gr.Column(visible=found is not None),
            title,
            _export_links(found, request) if found else "",
            gr.Row(visible=False),
        )

    async def _reopen(self, request: gr.Request) -> tuple[Any, ...]:
        found = await (await self._place()).open_last()
        is_phone = "Mobi" in request.headers.get("user-agent", "")
        return *await _messages(found), gr.skip() if is_phone else gr.Sidebar(open=True)

    async def _begin_anew(self) -> tuple[Any, Any]:
        (await self._place()).set(None)
        return [], []

    async def _open_listed(self, row: gr.SelectData, request: gr.Request) -> tuple[Any, Any]:
        place = await self._place()
        found = await in_thread(place.chat.find, place.listed_at(row.index, row.value[0]))
        if found is None:
            raise _error(request, _("This conversation has been deleted."))
        place.set(found)
        return await _messages(found)

    async def _rename(self, title: str, request: gr.Request) -> None:
        if found := await (await self._place()).open():
            try:
                await in_thread(store.rename, found, title)
            except ValueError as error:
                raise _error(request, str(error)) from error

    async def _forget(self) -> tuple[Any, Any]:
        place = await self._place()
        if found := await place.open():
            await in_thread(found.delete)
        place.set(None)
        return [], []

    async def _undo(self, undone: gr.UndoData) -> None:
        if found := await (await self._place()).open():
            index = undone.index if isinstance(undone.index, int) else undone.index[0]
            await in_thread(store.rewind, found, index)

    async def _conversations(self) -> list[dict[str, str]]:
        """The user's conversations, the last used first: id, title, updated."""
        place = await self._place()
        return [
            {
                "id": str(conversation.pk),
                "title": conversation.title,
                "updated": conversation.updated.isoformat(),
            }
            for conversation in await in_thread(place.chat.listed)
        ]


async def _messages(found: Conversation | None) -> tuple[Any, Any]:
    messages = await in_thread(store.shown, found) if found else []
    return messages, messages


def _error(request: gr.Request, sentence: str) -> gr.Error:
    return telling.error(request.request.scope, sentence)  # type: ignore[union-attr]


def _said(request: gr.Request, sentence: str) -> str:
    return languages.said(request.request.scope, sentence)  # type: ignore[union-attr]


def _export_links(conversation: Conversation, request: gr.Request) -> str:
    address = f"/api/chats/{conversation.pk}/export"
    return _said(request, _("Download as %(markdown)s or %(json)s")) % {
        "markdown": f"[Markdown]({address})",
        "json": f"[JSON]({address}?format=json)",
    }
