"""The audit trail: `record("signed_in", user=user, request=request)` notes who did what.

It is written when the transaction it belongs to is committed, and never raises: a trail that
cannot be written is in the log, and nobody is kept from signing in. `accounts.trail` notes what
Django and allauth tell by signals, whatever door was taken.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from allauth.core import context
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from sessionstate import people
from sessionstate.clock import now
from sessionstate.stamping import Client
from sessionstate.threads import in_thread

from .conf import conf
from .models import AuditEvent
from .redaction import clean

logger = logging.getLogger(__name__)

# What the admin calls them. Other rooms may record kinds of their own.
KINDS = {
    "signed_in": _("signed in"),
    "sign_in_failed": _("failed to sign in"),
    "locked_out": _("locked out"),
    "unlocked": _("unlocked"),
    "signed_out": _("signed out"),
    "session_ended": _("session ended"),
    "token_reused": _("refresh token used twice"),
    "password_changed": _("password changed"),
    "mfa_changed": _("second factor changed"),
    "email_changed": _("e-mail address changed"),
    "connection_changed": _("single sign-on connection changed"),
    "user_created": _("user created"),
    "user_deleted": _("user deleted"),
    "user_disabled": _("user disabled"),
    "user_enabled": _("user enabled"),
    "roles_changed": _("roles changed"),
    "permissions_changed": _("permissions changed"),
    "group_renamed": _("group renamed"),
    "group_deleted": _("group deleted"),
    "key_created": _("API key created"),
    "key_revoked": _("API key revoked"),
    "key_used": _("API key used"),
    "role_refused": _("refused for want of a role"),
}
DOORS = {
    "page": _("page"),
    "sso": _("single sign-on"),
    "api": _("API"),
    "admin": _("admin"),
    "app": _("app"),
    "command": _("command line"),
}
_PATHS = (("/api/", "api"), ("/admin/", "admin"), ("/gradio/", "app"), ("/accounts/oidc/", "sso"))


def record(
    kind: str,
    *,
    user: AbstractBaseUser | None = None,
    user_id: str = "",
    username: str | None = None,
    session_id: str | None = None,
    request: HttpRequest | None = None,
    client: Client | None = None,
    **details: Any,
) -> None:
    """Sync, and not on the event loop (there, `await arecord(...)`).

    `user`, or `user_id` (and `username`, else it is looked up), is whom it is about. `request`
    defaults to the one that Django is answering; where Django is not asked, `client` says who is
    at an app's door. `details` are JSON values; what looks like a secret is cut.
    """
    try:
        request = request or context.request
        event = AuditEvent(
            kind=kind,
            user_id=str(user.pk) if user else user_id,
            username=_name(user, user_id, username)[:150],
            session=(session_id or "")[:8],
            door=_door(request),
            details=clean(details),
        )
        if request is not None:
            event.actor = _actor(request, event.user_id)
            client = client or Client(
                str(request.META.get("REMOTE_ADDR") or ""),
                str(request.META.get("HTTP_USER_AGENT") or ""),
            )
        if client is not None:
            event.ip, event.user_agent = client.ip[:45], clean(client.user_agent)[:200]
            event.door = event.door if request is not None else "app"
        transaction.on_commit(partial(_write, event))
    except Exception as error:
        _complain(kind, error)


async def arecord(kind: str, **fields: Any) -> None:
    await in_thread(partial(record, kind, **fields))


def _write(event: AuditEvent) -> None:
    try:
        event.save(force_insert=True)
    except Exception as error:
        _complain(event.kind, error)


def _complain(kind: str, error: Exception) -> None:
    logger.error("The audit trail could not be written: %s (%r)", kind, error)


def _name(user: AbstractBaseUser | None, user_id: str, username: str | None) -> str:
    if user is not None:
        return str(user.get_username())
    if username is None:
        username = people.names([user_id])[user_id] if user_id else ""
    return username


def _door(request: HttpRequest | None) -> str:
    if request is None:
        return "command"
    return next((door for start, door in _PATHS if request.path_info.startswith(start)), "page")


def _actor(request: HttpRequest, about: str) -> str:
    """Who is signed in on the request, unless it is about themselves."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or str(user.pk) == about:
        return ""
    return str(user.get_username())[:150]


def outdated(days: int | None = None) -> datetime:
    """What was noted before this moment may be deleted."""
    return now() - timedelta(days=conf.audit_days if days is None else days)
