"""Ending sessions from the admin: what was asked for, what is done, and the record of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth import get_user_model, logout
from django.http import HttpRequest
from django.utils.translation import ngettext

from sessionstate import logins, people
from sessionstate.handles import handle_of, resolve
from sessionstate.listing import shown
from sessionstate.logins import Login
from sessionstate.models import LiveSession


@dataclass(frozen=True)
class Revocation:
    """Some sessions, or with `user_ids` all sessions of some users."""

    targets: list[Login]
    user_ids: list[str]
    own_id: str | None

    @classmethod
    def of_sessions(cls, request: HttpRequest, targets: Iterable[Login]) -> Revocation:
        return cls(list(targets), [], request.session.session_key)

    @classmethod
    def of_users(cls, request: HttpRequest, user_ids: Iterable[str]) -> Revocation:
        ids = sorted({user_id for user_id in user_ids if user_id})
        targets = [login for user_id in ids for login in logins.for_user(user_id)]
        return cls(targets, ids, request.session.session_key)

    @classmethod
    def asked(cls, request: HttpRequest) -> Revocation:
        """As `fields` went into the confirmation page, or `?users=` in a link to it."""
        data = request.POST if request.method == "POST" else request.GET
        if users := data.get("users"):
            return cls.of_users(request, users.split(","))
        found = map(resolve, data.get("sessions", "").split(","))
        return cls.of_sessions(request, (login for login in found if login is not None))

    @property
    def fields(self) -> dict[str, str]:
        """One form field however many there are: Django refuses a form of more than 1000."""
        if self.user_ids:
            return {"users": ",".join(self.user_ids)}
        return {"sessions": ",".join(handle_of(login.id) for login in self.targets)}

    @property
    def own(self) -> bool:
        """Whether the session of the person who asks is among them."""
        return any(login.id == self.own_id for login in self.targets)

    @property
    def user_names(self) -> list[str]:
        names = people.names(self.user_ids)
        return [names[user_id] for user_id in self.user_ids]

    def shown(self, most: int) -> list[LiveSession]:
        part = self.targets[:most]
        names = people.names(login.user for login in part)
        return [shown(login, names[login.user], self.own_id) for login in part]

    def carry_out(self, request: HttpRequest, *, own_too: bool) -> int:
        """Ends and logs them; one's own last, by signing out. Returns how many have ended."""
        ended = [
            login for login in self.targets if login.id != self.own_id and logins.revoke(login.id)
        ]
        if own_too:
            ended += [login for login in self.targets if login.id == self.own_id]
        self._log(request, ended)
        if own_too and self.own:
            logout(request)
        return len(ended)

    def _log(self, request: HttpRequest, ended: list[Login]) -> None:
        who = request.user.pk
        assert who is not None  # the admin's views are for staff
        names = people.names(login.user for login in ended)
        sessions = [shown(login, names[login.user], None) for login in ended]
        if sessions:
            LogEntry.objects.log_actions(who, sessions, DELETION, "Revoked.")
        keys = people.keys(self.user_ids)
        for user in get_user_model()._default_manager.filter(pk__in=keys):
            count = sum(login.user == str(user.pk) for login in ended)
            told = ngettext("%d session revoked.", "%d sessions revoked.", count) % count
            LogEntry.objects.log_actions(who, [user], CHANGE, f"Signed out everywhere: {told}")
