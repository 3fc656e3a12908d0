"""The conversation of one user, kept in that user's `UserState` until they delete it.

An exchange is stored when the question is asked and completed when the answer has ended, each
under `atomic()`: two tabs that chat at the same time lose nothing, and an answer that was stopped
half-way is kept as far as it came.
"""

from __future__ import annotations

import uuid
from typing import Literal, TypedDict

from django.utils.translation import gettext

from sessionstate import UserState

from .chat_server import Message

KEY = "assistant.exchanges"
MAX_EXCHANGES = 100
MAX_CHARS = 200_000
CONTEXT_EXCHANGES = 12
CONTEXT_CHARS = 24_000

# "failed" answers are shown again after a reload, but a model is not asked to build on them.
Status = Literal["open", "done", "stopped", "failed"]


class Exchange(TypedDict):
    id: str
    question: str
    answer: str
    status: Status


class ChatMessage(TypedDict):
    """A message as `gr.Chatbot` takes it."""

    role: Literal["user", "assistant"]
    content: str


def exchanges(state: UserState) -> list[Exchange]:
    stored: list[Exchange] = state.get(KEY, [])
    return stored


async def ask(state: UserState, question: str) -> str:
    """Stores the question and returns the id to `complete` it with."""
    exchange = Exchange(id=uuid.uuid4().hex, question=question, answer="", status="open")
    async with state.atomic():
        state[KEY] = bounded([*exchanges(state), exchange])
    return exchange["id"]


async def complete(state: UserState, exchange_id: str, answer: str, status: Status) -> None:
    """Does nothing when the exchange was deleted while the answer was written."""
    async with state.atomic():
        stored = exchanges(state)
        for exchange in stored:
            if exchange["id"] == exchange_id:
                exchange["answer"], exchange["status"] = answer, status
                state[KEY] = bounded(stored)


async def clear(state: UserState) -> None:
    async with state.atomic():
        state.pop(KEY, None)


async def drop_last(state: UserState, question: str) -> None:
    """Removes the newest finished exchange that began with this question."""
    async with state.atomic():
        stored = exchanges(state)
        for number in range(len(stored) - 1, -1, -1):
            if stored[number]["question"] == question and stored[number]["status"] != "open":
                state[KEY] = stored[:number] + stored[number + 1 :]
                return


def bounded(stored: list[Exchange]) -> list[Exchange]:
    """The newest exchanges within both limits; the very newest is always among them."""
    kept: list[Exchange] = []
    chars = 0
    for exchange in reversed(stored[-MAX_EXCHANGES:]):
        chars += len(exchange["question"]) + len(exchange["answer"])
        if kept and chars > MAX_CHARS:
            break
        kept.append(exchange)
    return kept[::-1]


def as_chat(stored: list[Exchange]) -> list[ChatMessage]:
    messages: list[ChatMessage] = []
    for exchange in stored:
        messages.append({"role": "user", "content": exchange["question"]})
        answer = exchange["answer"] or gettext("(This question was not answered.)")
        messages.append({"role": "assistant", "content": answer})
    return messages


def as_context(stored: list[Exchange]) -> list[Message]:
    """What a model is told of the conversation so far: the newest finished exchanges."""
    finished = [e for e in stored if e["answer"] and e["status"] != "failed"][-CONTEXT_EXCHANGES:]
    messages: list[Message] = []
    chars = 0
    for exchange in reversed(finished):
        chars += len(exchange["question"]) + len(exchange["answer"])
        if chars > CONTEXT_CHARS:
            break
        messages[:0] = [
            {"role": "user", "content": exchange["question"]},
            {"role": "assistant", "content": exchange["answer"]},
        ]
    return messages
