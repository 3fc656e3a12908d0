"""People of a test: signed in or visiting, with pages open, and their state as it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import httpx

from sessionstate import Session, TabState, UserState

if TYPE_CHECKING:
    import gradio_client
    from django.contrib.auth.models import AnonymousUser, User

    from gradio_ui.testing.site import Site


class NotAllowed(Exception):
    """The app was not opened, or the function not called. `status`: 401, 403, 404 ..."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class CallFailed(Exception):
    """The function raised, or the call was not taken: bad input, a limit. The message is what the
    page would show."""


class Roles(TypedDict, total=False):
    """What a user may do: names of groups, `"app_label.codename"` of permissions."""

    groups: Iterable[str]
    permissions: Iterable[str]
    staff: bool
    superuser: bool


@dataclass(frozen=True)
class Person:
    """One login of a user, at one server process; or a visitor, whose user is Django's
    `AnonymousUser`."""

    site: Site
    user: User | AnonymousUser
    session_id: str
    headers: dict[str, str]

    @property
    def session(self) -> Session:
        """As it is stored now."""
        return Session(self.session_id)

    @property
    def state(self) -> UserState:
        """As it is stored now."""
        if self.user.is_authenticated:
            return UserState(self.user.pk)
        return UserState.of_visitor(self.session_id)

    def sign_in(self, username: str, **roles: Unpack[Roles]) -> Person:
        """This visitor, from now on as a user: see `Site.sign_in`."""
        return self.site._log_in(self.session_id, username, **roles)

    def on(self, site: Site) -> Person:
        """The same login at another server process."""
        return replace(self, site=site)

    def open(self, slug: str) -> Page:
        """A page of the app, as its own browser tab. Raises `NotAllowed`."""
        url = f"{self.site.url}/gradio/{slug}/"
        answer = httpx.get(f"{url}config", headers=self.headers, timeout=30)
        if answer.status_code != 200:
            raise NotAllowed(answer.status_code, _detail(answer))
        return Page(self, url)


@dataclass(frozen=True)
class Page:
    person: Person
    url: str

    def call(self, event: str, *inputs: Any, **named: Any) -> Any:
        """The outputs of the event with this `api_name`; of a generator, the last ones.

        A file is `gradio_client.handle_file(path)`. Raises `CallFailed`, or `NotAllowed` when a
        decorator such as `@requires_group` keeps this user from the function.
        """
        with _failing():
            return self.client.predict(*inputs, api_name=_path(event), **named)

    def stream(self, event: str, *inputs: Any, **named: Any) -> list[Any]:
        """All outputs of a generator, one after the other. Raises as `call` does."""
        job = self.client.submit(*inputs, api_name=_path(event), **named)
        with _failing():
            job.result()
            outputs: list[Any] = job.outputs()
            return outputs

    @property
    def tab(self) -> TabState:
        """As it is stored now."""
        return TabState(self.person.session_id, self.client.session_hash)

    @cached_property
    def client(self) -> gradio_client.Client:
        """For what the methods here do not do."""
        import gradio_client

        client = gradio_client.Client(
            self.url, headers=self.person.headers, verbose=False, analytics_enabled=False
        )
        self.person.site.clients.append(client)
        return client


def visit(site: Site) -> Person:
    from django.contrib.auth.models import AnonymousUser

    from accounts import visitors
    from accounts.tokens import AccessToken, read

    token = visitors.token()
    session_id = read(AccessToken, token).session_id
    return Person(site, AnonymousUser(), session_id, {"Authorization": f"Bearer {token}"})


def log_in(site: Site, user: User, session_id: str | None = None) -> Person:
    """`session_id`: of the visitor who it was so far."""
    # A conftest.py imports this package before Django is set up.
    from django.conf import settings
    from django.contrib.auth import login
    from django.http import HttpRequest

    from accounts.pairs import first_pair
    from sessionstate.engine import SessionStore
    from sessionstate.tickets import Ticket

    request = HttpRequest()
    request.session = SessionStore(session_id)
    if session_id:
        request.session.ticket = Ticket(session_id, None, "bearer", opens=True)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    pair = first_pair(request.session)
    return Person(site, user, pair.session_id, {"Authorization": f"Bearer {pair.access}"})


@contextmanager
def _failing() -> Iterator[None]:
    from gradio_client.exceptions import AppError

    try:
        yield
    except AppError as error:
        raise CallFailed(str(error)) from error
    except httpx.HTTPStatusError as error:
        status, detail = error.response.status_code, _detail(error.response)
        if status in (401, 403, 404):
            raise NotAllowed(status, detail) from error
        raise CallFailed(detail) from error


def _path(event: str) -> str:
    return event if event.startswith("/") else f"/{event}"


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase
