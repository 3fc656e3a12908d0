"""A chat that remembers you: the history belongs to the user and survives sign-out and restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from gradio.i18n import I18nData

from gradio_ui import languages, with_session
from gradio_ui.words import word
from sessionstate import UserState

from . import chat_history, chat_server, doc_answer
from .chat_history import ChatMessage
from .doc_search import search_folder
from .page import header, problem

MAX_QUESTION = 4_000

# What is clicked is what is asked, and the documentation is in English.
EXAMPLES = [
    "How do I put my own Gradio demo behind it?",
    "What survives a restart of the server?",
    "How do I sign out everywhere?",
    "How can a script call an app?",
]


@with_session
async def reply(message: str, history: list[Any], state: UserState) -> AsyncIterator[str]:
    """Streams the answer, growing. `history` is what this tab shows and is not used: the
    user's stored history is the same in every tab and cannot be changed by the browser."""
    question = message.strip()[:MAX_QUESTION]
    if not question:
        raise problem(_("Please write a question first."))
    earlier = list(chat_history.exchanges(state))
    exchange_id = await chat_history.ask(state, question)
    text = ""
    status: chat_history.Status = "stopped"
    try:
        async for piece in answer(question, earlier):
            text += piece
            yield text
        status = "done"
    except chat_server.ChatServerError as error:
        with languages.here():
            status, text = "failed", f"{text}\n\n{gettext(str(error))}".strip()
        yield text
    finally:
        # Also when the user presses Stop: what was shown is what is kept.
        await chat_history.complete(state, exchange_id, text, status)


def answer(question: str, earlier: list[chat_history.Exchange]) -> AsyncIterator[str]:
    if chat_server.configured():
        context = chat_history.as_context(earlier)
        return chat_server.stream_answer([*context, {"role": "user", "content": question}])
    previous = earlier[-1]["question"] if earlier else ""
    with languages.here():
        text = doc_answer.answer(search_folder(settings.BASE_DIR / "docs"), question, previous)
    return doc_answer.by_words(text)


@with_session
async def show_history(state: UserState) -> tuple[list[ChatMessage], list[ChatMessage]]:
    with languages.here():
        messages = chat_history.as_chat(chat_history.exchanges(state))
    return messages, messages


@with_session
async def clear_history(state: UserState) -> None:
    await chat_history.clear(state)


@with_session
async def undo_last(undo: gr.UndoData, state: UserState) -> None:
    await chat_history.drop_last(state, text_of(undo.value))


@with_session
async def retry_last(retry: gr.RetryData, state: UserState) -> None:
    """Removes the old answer; `reply` runs meanwhile and stores the new one."""
    await chat_history.drop_last(state, text_of(retry.value))


def text_of(value: Any) -> str:
    """The text of a chat message, which Gradio hands over as text or as a list of parts."""
    if isinstance(value, list):
        return "".join(part.get("text", "") for part in value if isinstance(part, dict))
    return str(value)


def build() -> gr.Blocks:
    demo = gr.Blocks(fill_height=True)
    with demo:
        with gr.Row():
            header(word("Assistant"), source())
            new_chat = gr.Button(word("New chat"), size="sm", scale=0, min_width=100)
        chat = gr.ChatInterface(
            reply,
            chatbot=gr.Chatbot(
                label=word("Conversation"),
                show_label=False,
                scale=1,
                elem_id="assistant-chat",
                buttons=["copy"],
                placeholder=str(
                    word("Your conversation is kept for you, also after you sign out.")
                ),
            ),
            textbox=gr.Textbox(
                placeholder=word("Ask a question"),
                show_label=False,
                max_length=MAX_QUESTION,
                autofocus=True,
                submit_btn=True,
                stop_btn=True,
                scale=7,
            ),
            examples=EXAMPLES,
            api_name="chat",
            concurrency_limit=20,
        )
        # What ChatInterface shows, and the value that it is told from outside.
        shown = [chat.chatbot, chat.chatbot_value]
        demo.load(show_history, outputs=shown, api_name="history")
        new_chat.click(clear_history, api_name="clear").then(
            show_history, outputs=shown, api_visibility="private"
        )
        chat.chatbot.clear(clear_history, api_visibility="private")
        chat.chatbot.undo(undo_last, api_visibility="private")
        chat.chatbot.retry(retry_last, api_visibility="private", queue=False)
    return demo


def source() -> I18nData:
    if chat_server.configured():
        return word("Answers come from the model %(name)s.", name=settings.ASSISTANT_MODEL)
    return word("Answers come from this product's documentation, which is in English.")
