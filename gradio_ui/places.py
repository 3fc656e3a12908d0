"""Where the files of apps and users are.

    users/<user>/<app>/    uploads, and what callbacks return: for that user, in that app; of a
                           visitor without an account too, until there is one
    public/<app>/          what the app brings itself: for everybody who may open it
    examples/<app>/        cached examples, the same
    nobody/<app>/          of a batch of several users: for none of them

So whose a file is stands in its path, what a user takes up is a sum, and erasing a user is one
removal. The place of the code that runs is in a context variable: set for every request by the
gate, and for every event anew.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from gradio_ui.compat.environment import directory
from gradio_ui.conf import Allowance, conf


@dataclass(frozen=True, slots=True)
class Place:
    """`user`: None for what is made before anybody asks, "" for several users at once."""

    app: str = "-"
    user: str | None = ""

    @property
    def own(self) -> Path:
        """Where everything is written."""
        if self.user is None:
            return root() / "public" / self.app
        if not self.user:
            return root() / "nobody" / self.app
        return of_user(self.user) / self.app

    @property
    def examples(self) -> Path:
        return root() / "examples" / self.app

    @property
    def readable(self) -> tuple[Path, ...]:
        return self.own, root() / "public" / self.app, self.examples

    @property
    def allowance(self) -> Allowance:
        """Of the user, by the name: no account has one like a visitor's."""
        return conf.visitor if (self.user or "").startswith("visitor-") else conf.user


NOWHERE = Place()
_current: ContextVar[Place] = ContextVar("gradio_ui_place", default=NOWHERE)


def current() -> Place:
    return _current.get()


@contextmanager
def entered(place: Place) -> Iterator[None]:
    token = _current.set(place)
    try:
        yield
    finally:
        _current.reset(token)


def root() -> Path:
    return Path(os.environ.get("GRADIO_TEMP_DIR") or directory())


def users() -> Path:
    return root() / "users"


def of_user(user: str) -> Path:
    return users() / quote(user, safe="")
