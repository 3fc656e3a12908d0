"""What goes on for longer than a request, and ends with its login.

The gate asks at the beginning of a request. An open stream, a running callback and a WebSocket
are watched from then on: they end when their session does, and when their user may no longer do
what they do. That is heard at once (`sessionstate.announce`), in this process and, through the
channels layer, in others. Whatever is not heard is seen: once in `EVERY` seconds, while there is
anything to watch, the store is asked which sessions still exist, all in one question, and whether
the marks of their users are the same (`accounts.access`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast
from weakref import WeakSet

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import Error as DatabaseError
from django.dispatch import receiver
from django.utils.crypto import constant_time_compare

from sessionstate import announce
from sessionstate.announce import News
from sessionstate.backends import get_backend
from sessionstate.backends.base import Kind
from sessionstate.errors import StoreUnavailable
from sessionstate.tasks import end_tasks
from sessionstate.threads import in_thread

from . import access
from .access import Access
from .identity import Identity
from .signals import access_changed

T = TypeVar("T")

logger = logging.getLogger(__name__)

# Seconds. With the time the look itself takes, an end is seen within one second.
EVERY = 0.7
# Records that one question to the store names at most.
BATCH = 200

# login: the session is over, or its user may not sign in. permission: the user may no longer do
# this one thing.
Why = Literal["login", "permission"]


@dataclass(frozen=True, slots=True)
class Login:
    """What a request came with, and what must not change while it goes on."""

    session_id: str
    # "" for a visitor, as is all that follows.
    user_id: str
    # The authentication backend that signed the user in.
    backend: str
    # Of the password; "" for API keys, which outlive one.
    auth_hash: str

    @classmethod
    def of(cls, identity: Identity) -> Login:
        session = identity.session
        assert session.session_key
        if not identity.user.is_authenticated:
            return cls(session.session_key, "", "", "")
        return cls(
            session.session_key,
            str(identity.user.pk),
            session[BACKEND_SESSION_KEY],
            session.get(HASH_SESSION_KEY, ""),
        )


class Held:
    """Something that is watched for as long as somebody else refers to it."""

    login: Login

    def allows(self, user: AbstractBaseUser, groups: Collection[str]) -> bool:
        return True

    def end(self, why: Why) -> None:
        """Called on the event loop, perhaps more than once."""
        raise NotImplementedError

    def changed(self, news: News) -> None:
        """Values of the login's session or user have changed, or may have. Called on the event
        loop."""


class Watch:
    """Of one process and its event loop, on which everything here is called."""

    def __init__(self) -> None:
        self._held: WeakSet[Held] = WeakSet()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._any: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._deafen: Callable[[], None] | None = None
        self._failing = False

    def start(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._any = asyncio.Event()
            self._deafen = announce.listen(self._heard)
            self._begin(announce.hear())
            self._begin(self._look_again_and_again())

    async def stop(self) -> None:
        if self._deafen is not None:
            self._deafen()
        await end_tasks(*self._tasks)
        self._loop = self._deafen = None

    def add(self, held: Held) -> None:
        assert self._any is not None
        self._held.add(held)
        self._any.set()

    def remove(self, held: Held) -> None:
        self._held.discard(held)

    def of_session(self, session_id: str) -> list[Held]:
        return [held for held in self._held if held.login.session_id == session_id]

    def _begin(self, work: Any) -> None:
        assert self._loop is not None
        # Not in the context of the request that happens to be the first.
        task = self._loop.create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _heard(self, news: News) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._act, news)

    def _act(self, news: News) -> None:
        if news.kind == "session":
            for held in self.of_session(news.id):
                held.end("login")
        elif news.kind == "session values":
            for held in self.of_session(news.id):
                held.changed(news)
        elif news.kind == "missed":
            # What has ended is seen at the next look.
            for held in list(self._held):
                held.changed(news)
        elif news.kind == "user values":
            for held in [held for held in self._held if held.login.user_id == news.id]:
                held.changed(news)
        elif self._loop is not None:
            concerned = [held for held in self._held if news.id in ("", held.login.user_id)]
            if concerned:
                self._begin(self._look(concerned))

    async def _look_again_and_again(self) -> None:
        assert self._any is not None
        while True:
            await self._any.wait()
            await asyncio.sleep(EVERY)
            if not self._held:
                self._any.clear()
            else:
                await self._look(list(self._held))

    async def _look(self, all_held: Iterable[Held]) -> None:
        all_held = list(all_held)
        try:
            standing = await _standing({held.login for held in all_held})
        except (StoreUnavailable, DatabaseError) as error:
            # New requests are refused; what goes on has been admitted.
            if not self._failing:
                logger.warning("Open connections cannot be checked: %s", error)
            self._failing = True
            return
        self._failing = False
        for held in all_held:
            if held.login not in standing:
                held.end("login")
            elif not held.allows(*_who(standing[held.login])):
                held.end("permission")


watch = Watch()


@receiver(access_changed)
def _tell(user_id: str | None, **_: Any) -> None:
    announce.tell(News("user", user_id or ""))


def _who(access: Access | None) -> tuple[AbstractBaseUser, frozenset[str]]:
    if access is None:
        return cast(AbstractBaseUser, AnonymousUser()), frozenset()
    return access.user(), access.groups


async def _standing(logins: Collection[Login]) -> dict[Login, Access | None]:
    """Those of the logins that a request would still be admitted with; `None`: of a visitor."""
    living: set[str] = set()
    for ids in _batches([login.session_id for login in logins]):
        living |= await get_backend().aliving(Kind.SESSION, ids)
    visitors = [login for login in logins if login.session_id in living and not login.user_id]
    logins = [login for login in logins if login.session_id in living and login.user_id]
    found: dict[tuple[str, str], Access | None] = {}
    for users in _batches([(login.user_id, login.backend) for login in logins]):
        names = [access.addresses(user_id) for user_id, _ in users]
        loaded = iter(await get_backend().aload_many([name for two in names for name in two]))
        for (user_id, backend), two in zip(users, names, strict=True):
            marks = access.marks([next(loaded) for _ in two])
            found[user_id, backend] = access.known(user_id, backend, marks) or await in_thread(
                access.read, user_id, backend, marks
            )
    return dict.fromkeys(visitors) | {
        login: user
        for login in logins
        if (user := found[login.user_id, login.backend])
        and (not login.auth_hash or constant_time_compare(login.auth_hash, user.auth_hash))
    }


def _batches(items: Iterable[T]) -> Iterable[list[T]]:
    different = list(dict.fromkeys(items))
    return (different[at : at + BATCH] for at in range(0, len(different), BATCH))
