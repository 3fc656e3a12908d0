"""Streams answers from any server that speaks the OpenAI chat API (OpenAI, Ollama, vLLM, ...)."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from django.conf import settings
from django.utils.translation import gettext_noop as _

if TYPE_CHECKING:
    from openai import AsyncStream
    from openai.types.chat import ChatCompletionChunk

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 60.0

SYSTEM_PROMPT = (
    "You are a helpful assistant inside a company's web application. Answer briefly and precisely, "
    "in the language of the question. Say so when you do not know something."
)


class Message(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str


class ChatServerError(Exception):
    """The server gave no (whole) answer. `str()` is a sentence for the person who asked, to be
    translated."""


def configured() -> bool:
    return bool(settings.ASSISTANT_BASE_URL)


async def stream_answer(messages: list[Message]) -> AsyncIterator[str]:
    """Yields the answer piece by piece. Raises `ChatServerError`, also in the middle."""
    # Here and not above: without a configured server nobody needs to wait for this import.
    import httpx2
    import openai

    conversation: Any = [{"role": "system", "content": SYSTEM_PROMPT}, *messages]
    begun = False
    try:
        async with openai.AsyncOpenAI(
            base_url=settings.ASSISTANT_BASE_URL,
            # Local servers need no key, but the client insists on one.
            api_key=settings.ASSISTANT_API_KEY or "none",
            timeout=httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
            max_retries=1,
        ) as client:
            stream: AsyncStream[ChatCompletionChunk] = await client.chat.completions.create(
                model=settings.ASSISTANT_MODEL, messages=conversation, stream=True
            )
            async for chunk in stream:
                piece = chunk.choices[0].delta.content if chunk.choices else None
                if piece:
                    begun = True
                    yield piece
    except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
        logger.warning("The model server failed: %s: %s", type(error).__name__, error)
        raise ChatServerError(_sentence(error, begun)) from error
    if not begun:
        raise ChatServerError(_("The language model gave an empty answer. Please try again."))


def _sentence(error: Exception, begun: bool) -> str:
    import openai

    match error:
        case _ if begun:
            return _("The language model broke off. Please try again.")
        case openai.APITimeoutError():
            return _("The language model took too long to answer. Please try again.")
        case openai.APIConnectionError():
            return _("The language model cannot be reached right now. Please try again later.")
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return _("The language model refused this server's API key. Tell your operator.")
        case openai.NotFoundError():
            return _("The language model of the settings is unknown. Tell your operator.")
        case openai.RateLimitError():
            return _("The language model is busy. Please try again in a minute.")
    return _("The language model failed. Please try again.")
