"""Asking, while a callback runs, what the person may do whom it runs for."""

import typing
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import connections

from accounts import access
from accounts.access import Access
from gradio_ui.rules import NONE, Denied, Rule, Rules, first_broken
from sessionstate.backends import get_backend
from sessionstate.errors import SessionGone
from sessionstate.threads import in_thread


class Permits:
    """What one person was allowed in the present step of a callback, and asked for before."""

    def __init__(self, user: User | AnonymousUser) -> None:
        """`user` is who it is; what the user may do is looked up anew."""
        self._user_id = None if user.pk is None else str(user.pk)
        self._backend = getattr(user, "backend", None) or settings.AUTHENTICATION_BACKENDS[0]
        self._asked: Rules = NONE
        self._granted: Rules = NONE

    async def renew(self, rules: Rules) -> None:
        """Before a step: these must hold now, and so must those of the steps before."""
        self._granted = NONE
        await self.arequire(rules | self._asked)

    async def arequire(self, rules: Rules) -> None:
        if not (new := self._new(rules)):
            return
        found = await self._alook()
        if any(rule.permission for rule in new):
            self._note(new, await in_thread(_broken, new, found))
        else:
            self._note(new, _broken(new, found))

    def require(self, rules: Rules) -> None:
        if new := self._new(rules):
            # In a thread of its own: a plain function may be called by an async one, on the loop.
            with ThreadPoolExecutor(1) as pool:
                self._note(new, pool.submit(self._look, new).result())

    async def auser(self) -> User | AnonymousUser:
        """Who it is, as of now. Raises `SessionGone` when the user may not sign in any more."""
        if self._user_id is None:
            return AnonymousUser()
        if (found := await self._alook()) is None:
            raise SessionGone("this session has ended")
        user = typing.cast(User, found.user())
        user.backend = self._backend  # as after a login
        return user

    def _new(self, rules: Rules) -> Rules:
        self._asked |= rules
        return rules - self._granted

    def _note(self, rules: Rules, broken: Rule | None) -> None:
        if broken:
            raise Denied(broken)
        self._granted |= rules

    async def _alook(self) -> Access | None:
        if self._user_id is None:
            return None
        found = await get_backend().aload_many(access.addresses(self._user_id))
        marks = access.marks(found)
        return access.known(self._user_id, self._backend, marks) or await in_thread(
            access.read, self._user_id, self._backend, marks
        )

    def _look(self, rules: Rules) -> Rule | None:
        if self._user_id is None:
            return _broken(rules, None)
        try:
            marks = access.marks(get_backend().load_many(access.addresses(self._user_id)))
            found = access.known(self._user_id, self._backend, marks) or access.read(
                self._user_id, self._backend, marks
            )
            return _broken(rules, found)
        finally:
            connections.close_all()


def _broken(rules: Rules, found: Access | None) -> Rule | None:
    user = typing.cast(User, found.user()) if found else AnonymousUser()
    return first_broken(rules, user, found.groups if found else ())
