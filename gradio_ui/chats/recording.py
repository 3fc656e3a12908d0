"""Around the function of a chat: what was asked is stored before it runs, what was answered when
it ends, also when it was stopped half-way or failed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool

from gradio_ui import wrapping
from gradio_ui.chats import messages, store
from gradio_ui.chats.place import Place
from gradio_ui.chats.store import Chat
from gradio_ui.models import Conversation
from sessionstate.threads import in_thread

# Turns what a chat function gives into messages of a role.
AsMessages = Callable[[Any, str], list[dict[str, Any]]]


def remembered(fn: Callable[..., Any], name: str, as_messages: AsMessages) -> Callable[..., Any]:
    """`fn(message, history, ...)` of any kind, with its conversation stored. Async as the chat
    interface takes it: a generator if `fn` is one. `name`: of this chat in its app."""
    call = wrapping.callee(fn)

    if inspect.isasyncgenfunction(call) or inspect.isgeneratorfunction(call):

        @functools.wraps(fn)
        async def streamed(message: Any, history: list[Any], *args: Any, **kw: Any) -> Any:
            recording = await Recording.of(name, message, history, as_messages)
            answers = fn(message, history, *args, **kw)
            if not inspect.isasyncgen(answers):
                answers = iterate_in_threadpool(answers)
            try:
                async with aclosing(answers):
                    async for answer in answers:
                        recording.answer = answer
                        yield answer
                recording.complete = True
            finally:
                await recording.close()

        return streamed

    @functools.wraps(fn)
    async def answered(message: Any, history: list[Any], *args: Any, **kw: Any) -> Any:
        recording = await Recording.of(name, message, history, as_messages)
        try:
            if inspect.iscoroutinefunction(call):
                recording.answer = await fn(message, history, *args, **kw)
            else:
                recording.answer = await run_in_threadpool(fn, message, history, *args, **kw)
            recording.complete = True
            return recording.answer
        finally:
            await recording.close()

    return answered


class Recording:
    """One question and its answer."""

    def __init__(self, as_messages: AsMessages) -> None:
        self.answer: Any = None
        self.complete = False
        self._as_messages = as_messages
        self._conversation: Conversation | None = None
        self._length = 0

    @classmethod
    async def of(
        cls, name: str, message: Any, history: list[Any], as_messages: AsMessages
    ) -> Recording:
        recording = cls(as_messages)
        if (place := await Place.here(name)) and place.is_kept:
            # A page without a history begins a conversation, whatever was open.
            found = await place.open() if history else None
            await in_thread(recording._ask, place.chat, found, message, len(history))
            place.set(recording._conversation)
        return recording

    def _ask(self, chat: Chat, found: Conversation | None, message: Any, length: int) -> None:
        asked = self._as_messages(message, "user")
        if found is None:
            text = " ".join(messages.text(messages.stored(part["content"])) for part in asked)
            found, length = chat.begin(text), 0
        self._conversation = found
        self._length = store.append(found, "user", _contents(asked), after=length)

    async def close(self) -> None:
        if self._conversation is not None and self.answer is not None:
            await in_thread(
                store.append,
                self._conversation,
                "assistant",
                _contents(self._as_messages(self.answer, "assistant")),
                after=self._length,
                complete=self.complete,
            )


def _contents(found: list[dict[str, Any]]) -> list[tuple[Any, Any]]:
    return [(message["content"], message.get("metadata")) for message in found]
