"""What can be done with conversations. All of it is one user's own, and blocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from gradio_ui.chats import messages
from gradio_ui.models import TITLE_LENGTH, Conversation, Message
from sessionstate.clock import now

# In a list; the others are still there, and come back when one is deleted.
LISTED = 100


@dataclass(frozen=True, slots=True)
class Chat:
    """Whose conversations, with which chat of which app."""

    user_id: Any
    app: str
    name: str = ""

    def all(self) -> QuerySet[Conversation]:
        return Conversation.objects.filter(user_id=self.user_id, app=self.app, chat=self.name)

    def find(self, conversation_id: str | UUID | None) -> Conversation | None:
        try:
            key = UUID(str(conversation_id))
        except ValueError:
            return None
        return self.all().filter(pk=key).first()

    def listed(self) -> Sequence[Conversation]:
        """The last used first."""
        return list(self.all()[:LISTED])

    def begin(self, first: str) -> Conversation:
        return Conversation.objects.create(
            user_id=self.user_id, app=self.app, chat=self.name, title=as_title(first) or "New chat"
        )


def as_title(text: str) -> str:
    line = " ".join(text.replace("\0", " ").split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"


def rename(conversation: Conversation, title: str) -> None:
    """Raises ValueError for a title of nothing but white space."""
    if not (title := as_title(title)):
        raise ValueError(_("A title cannot be empty."))
    conversation.title = title
    conversation.save(update_fields=["title"])


def rewind(conversation: Conversation, length: int) -> None:
    """Keeps the first `length` messages: what came after was undone, or is asked again."""
    conversation.messages.filter(position__gte=length).delete()


@transaction.atomic
def append(
    conversation: Conversation,
    role: str,
    contents: Iterable[tuple[Any, Any]],
    *,
    after: int,
    complete: bool = True,
) -> int:
    """Puts messages (content and metadata) in the place of those from position `after` on; the
    length of the conversation then. Does nothing once the conversation is deleted."""
    if not Conversation.objects.filter(pk=conversation.pk).update(updated=now()):
        return after
    rewind(conversation, after)
    made = Message.objects.bulk_create(
        Message(
            conversation=conversation,
            position=position,
            role=role,
            content=messages.stored(content),
            metadata=metadata,
            complete=complete,
        )
        for position, (content, metadata) in enumerate(contents, after)
    )
    return after + len(made)


def shown(conversation: Conversation) -> list[messages.Shown]:
    """The messages as a Chatbot takes them."""
    return [
        {
            "role": message.role,
            "content": messages.shown(message.content),
            **({"metadata": message.metadata} if message.metadata else {}),
        }
        for message in conversation.messages.all()
    ]


def as_markdown(conversation: Conversation) -> str:
    names = {"user": "You", "assistant": "Answer", "system": "System"}
    parts = [f"# {conversation.title}", f"{conversation.created:%Y-%m-%d %H:%M} UTC"]
    for message in conversation.messages.all():
        parts += [f"## {names[message.role]}", messages.text(message.content)]
        if not message.complete:
            parts.append("(This answer was not finished.)")
    return "\n\n".join(parts) + "\n"
