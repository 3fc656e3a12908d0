"""A grant: what a session may use in an app, for as long as something goes on under it.

Every request that passes the gate has the grant of its session and app, and so have the events
it makes, their callbacks and streams, however long they run. When it is over, all of that ends:
events that wait are dropped, generators are closed after their present step, pages hear that
their events have failed, streams end. A function that cannot be stopped may finish; its result
goes nowhere, and nothing that it changed is saved. A later sign-in gets a grant of its own.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakSet, WeakValueDictionary

from django.contrib.auth.models import AbstractBaseUser
from django.utils.translation import gettext_noop as _

from accounts.watch import Held, Login, Watch, Why
from gradio_ui.connections import Connection
from gradio_ui.passage import GrantOver
from gradio_ui.registry import AppSpec

if TYPE_CHECKING:
    from gradio_ui.mount import Mount

# Seconds in which a stream can say that its events have failed.
LAST_WORDS = 0.3
_MESSAGES: dict[Why, str] = {
    "login": _("You have been signed out."),
    "permission": _("You may not use this app."),
}


class Grant(Held):
    def __init__(self, login: Login, mount: "Mount", forget: Callable[["Grant", Why], None]):
        self.login = login
        self.over: Why | None = None
        self._mount = mount
        self._forget = forget
        self._connections: WeakSet[Connection] = WeakSet()

    @property
    def slug(self) -> str:
        return self._mount.spec.slug

    @property
    def message(self) -> str:
        """For the person in front of the page."""
        return _MESSAGES[self.over or "login"]

    def allows(self, user: AbstractBaseUser, groups: Collection[str]) -> bool:
        spec: AppSpec = self._mount.spec
        return spec.allows(user, groups)  # type: ignore[arg-type]

    def check(self) -> None:
        if self.over:
            raise GrantOver(self.message)

    def hold(self, connection: Connection) -> None:
        """The connection ends with the grant."""
        self._connections.add(connection)
        if self.over:
            connection.end()

    def end(self, why: Why) -> None:
        if self.over:
            return
        self.over = why
        from gradio_ui.compat import events

        if self._mount.blocks is not None:
            events.abort(self._mount.blocks, self.message, self)
        loop = asyncio.get_running_loop()
        for connection in list(self._connections):
            if connection.is_endless:
                connection.end()
            else:
                loop.call_later(LAST_WORDS, connection.end)
        self._forget(self, why)


class Grants:
    """Of one process, used on the event loop only. A grant lives while somebody refers to it."""

    def __init__(self, watch: Watch, session_over: Callable[[str], None]) -> None:
        self._watch = watch
        self._session_over = session_over
        self._grants: WeakValueDictionary[tuple[str, str], Grant] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._grants)

    def of(self, login: Login, mount: "Mount") -> Grant:
        name = login.session_id, mount.spec.slug
        grant = self._grants.get(name)
        if grant is None or grant.login != login:
            grant = self._grants[name] = Grant(login, mount, self._forget)
            self._watch.add(grant)
        return grant

    def _forget(self, grant: Grant, why: Why) -> None:
        self._watch.remove(grant)
        with suppress(KeyError):
            if self._grants[grant.login.session_id, grant.slug] is grant:
                del self._grants[grant.login.session_id, grant.slug]
        if why == "login":
            self._session_over(grant.login.session_id)
