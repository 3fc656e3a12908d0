"""My conversations, of all apps: list, read, rename, delete, export."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.text import slugify
from ninja import Field, Router, Schema, Status
from ninja.errors import HttpError
from ninja.responses import Response

from accounts.api import session_auth
from accounts.api.schemas import Problem
from gradio_ui.chats import messages, store
from gradio_ui.models import TITLE_LENGTH, Conversation, Message
from gradio_ui.registry import SLUG

router = Router(tags=["chats"], auth=session_auth)

_NONE = "You have no such conversation."


class ConversationOut(Schema):
    id: UUID
    app: str = Field(examples=["assistant"])
    chat: str = Field(description="Which chat, of an app that has several; else empty")
    title: str
    created: datetime
    updated: datetime


class MessageOut(Schema):
    role: str = Field(examples=["user"])
    text: str = Field(description="Files are named in brackets")
    complete: bool = Field(description="False: the answer was stopped, or failed")
    created: datetime

    @staticmethod
    def resolve_text(message: Message) -> str:
        return messages.text(message.content)


class ConversationWhole(ConversationOut):
    messages: list[MessageOut]

    @staticmethod
    def resolve_messages(conversation: Conversation) -> list[Message]:
        return list(conversation.messages.all())


class Title(Schema):
    title: str = Field(min_length=1, max_length=TITLE_LENGTH)


@router.get("", response=list[ConversationOut], summary="My conversations")
def list_conversations(request: HttpRequest, app: str = "") -> Any:
    """The last used first, a hundred at most; `app` is a slug."""
    found = _mine(request)
    if app:
        # Not what no app is called: PostgreSQL fails on some of it.
        found = found.filter(app=app) if SLUG.fullmatch(app) else found.none()
    return found[: store.LISTED]


@router.get(
    "/{conversation_id}",
    response={200: ConversationWhole, 404: Problem},
    summary="A conversation and its messages",
)
def read(request: HttpRequest, conversation_id: UUID) -> Any:
    return _one(request, conversation_id)


@router.patch(
    "/{conversation_id}",
    response={200: ConversationOut, 404: Problem},
    summary="Rename a conversation",
)
def rename(request: HttpRequest, conversation_id: UUID, body: Title) -> Any:
    conversation = _one(request, conversation_id)
    try:
        store.rename(conversation, body.title)
    except ValueError as error:
        raise HttpError(422, str(error)) from None
    return conversation


@router.delete(
    "/{conversation_id}",
    response={204: None, 404: Problem},
    summary="Delete a conversation",
)
def delete(request: HttpRequest, conversation_id: UUID) -> Status[None]:
    _one(request, conversation_id).delete()
    return Status(204, None)


@router.get(
    "/{conversation_id}/export",
    response={200: ConversationWhole, 404: Problem},
    openapi_extra={
        "responses": {200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}}
    },
    summary="A conversation as a file",
)
def export(
    request: HttpRequest, conversation_id: UUID, format: Literal["markdown", "json"] = "markdown"
) -> Any:
    conversation = _one(request, conversation_id)
    response: HttpResponse
    if format == "markdown":
        content = store.as_markdown(conversation)
        response = HttpResponse(content, content_type="text/markdown; charset=utf-8")
    else:
        whole = ConversationWhole.from_orm(conversation).model_dump()
        response = Response(whole, json_dumps_params={"indent": 2, "ensure_ascii": False})
    name = slugify(conversation.title) or "conversation"
    suffix = "md" if format == "markdown" else "json"
    response["Content-Disposition"] = f'attachment; filename="{name}.{suffix}"'
    return response


def _mine(request: HttpRequest) -> Any:
    found = Conversation.objects.filter(user=cast(User, request.user))
    key = getattr(request, "api_key", None)
    # An API key that is meant for some apps sees what was said there only.
    return found.filter(app__in=key.apps) if key and key.apps else found


def _one(request: HttpRequest, conversation_id: UUID) -> Conversation:
    found: Conversation | None = _mine(request).filter(pk=conversation_id).first()
    if found is None:
        raise HttpError(404, _NONE)
    return found
