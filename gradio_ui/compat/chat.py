"""What a subclass of `gr.ChatInterface` has to know of its inside.

Gradio has no event for "a question was answered", but each of its chains (submit, retry, edit,
undo, option) ends in `_save_conversation`, whether history is saved or not, with
`saved_conversations` among its outputs. Gradio keeps that in the browser; here it is only a
number that changes. And the answers of a chat function can be many things, which
`_message_as_message_dict` turns into messages.
"""

import itertools
import time
from typing import Any

import gradio as gr


class AnsweringChat(gr.ChatInterface):
    # Begins with the time: a page that outlives the server must not meet a number again.
    _numbers = itertools.count(time.time_ns())

    def as_messages(self, given: Any, role: str) -> list[dict[str, Any]]:
        return self._message_as_message_dict(given, role)  # type: ignore[arg-type, return-value]

    def _save_conversation(self, *_: Any) -> tuple[None, list[Any]]:
        return None, [next(self._numbers)]

    @property
    def answered(self) -> Any:
        """`answered(fn, inputs, outputs)`: an event at the end of every exchange."""
        return self.saved_conversations.change
