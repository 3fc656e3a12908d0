"""What goes into the audit trail by itself: receivers of Django's, allauth's and our signals.

Signals, because every door leads through them: page, API, app, single sign-on, admin, manage.py.
"""

from __future__ import annotations

from typing import Any

from allauth.account.signals import email_added, email_changed, email_removed
from allauth.core import context
from allauth.mfa import signals
from allauth.socialaccount.signals import social_account_added, social_account_removed
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import receiver
from django.http import HttpRequest

from sessionstate.signals import session_revoked

from .audit import record
from .throttle import find_user

# Sign-in and sign-out ----------------------------------------------------------------------


@receiver(user_logged_in)
def _signed_in(*, request: HttpRequest, user: AbstractBaseUser, **_: Any) -> None:
    record("signed_in", user=user, session_id=request.session.session_key, request=request)


@receiver(user_login_failed)
def _sign_in_failed(
    *, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    # The name of a user there is, or nothing: people type their password in the wrong field.
    user = find_user(str(credentials.get("username") or credentials.get("email") or ""))
    record("sign_in_failed", user=user, request=request)


@receiver(user_logged_out)
def _signed_out(*, request: HttpRequest, user: AbstractBaseUser | None = None, **_: Any) -> None:
    if user is not None:
        record("signed_out", user=user, session_id=request.session.session_key, request=request)
        request.signed_out_session = request.session.session_key  # type: ignore[attr-defined]


@receiver(session_revoked)
def _session_ended(*, session_id: str, user_id: str, **_: Any) -> None:
    if user_id and not _is_own_doing(context.request, session_id):
        record("session_ended", user_id=user_id, session_id=session_id)


def _is_own_doing(request: HttpRequest | None, session_id: str) -> bool:
    """Whether it was signed out, which has its line, or goes on under another id."""
    if request is None:
        return False
    if getattr(request, "signed_out_session", None) == session_id:
        return True
    ticket = getattr(request, "ticket", None)
    rotated = request.session.session_key not in (None, session_id)
    return rotated and ticket is not None and ticket.session_id == session_id


# People ------------------------------------------------------------------------------------

_WATCHED = ("is_active", "is_staff", "is_superuser", "password")


@receiver(pre_save, sender=User)
def _look(*, instance: User, raw: bool, update_fields: frozenset[str] | None, **_: Any) -> None:
    watched = update_fields is None or not update_fields.isdisjoint(_WATCHED)
    before = User.objects.filter(pk=instance.pk).values(*_WATCHED) if watched and not raw else ()
    instance.audit_before = next(iter(before), None)  # type: ignore[attr-defined]


@receiver(post_save, sender=User)
def _user_saved(*, instance: User, created: bool, raw: bool, **_: Any) -> None:
    if raw:
        return
    if created:
        record("user_created", user=instance)
        return
    before: dict[str, Any] | None = getattr(instance, "audit_before", None)
    if before is None:
        return
    if before["is_active"] != instance.is_active:
        record("user_enabled" if instance.is_active else "user_disabled", user=instance)
    # Without a new password it is the old one, hashed anew by today's rules.
    if before["password"] != instance.password and getattr(instance, "_password", None) is not None:
        record("password_changed", user=instance)
    flags: dict[str, Any] = {
        name: getattr(instance, name)
        for name in ("is_staff", "is_superuser")
        if before[name] != getattr(instance, name)
    }
    if flags:
        record("roles_changed", user=instance, **flags)


@receiver(post_delete, sender=User)
def _user_deleted(*, instance: User, **_: Any) -> None:
    record("user_deleted", user=instance)


@receiver([email_added, email_changed, email_removed])
def _email_changed(*, request: HttpRequest, user: AbstractBaseUser, **_: Any) -> None:
    record("email_changed", user=user, request=request)


def _mfa_changed(how: str) -> Any:
    def changed(*, request: HttpRequest, user: Any, authenticator: Any, **_: Any) -> None:
        record("mfa_changed", user=user, request=request, how=how, type=authenticator.type)

    return changed


for _how in ("added", "removed", "reset"):
    getattr(signals, f"authenticator_{_how}").connect(_mfa_changed(_how), weak=False)


@receiver([social_account_added, social_account_removed])
def _connection_changed(*, request: HttpRequest, signal: Any, **event: Any) -> None:
    added = signal is social_account_added
    account = event["sociallogin"].account if added else event["socialaccount"]
    how = "added" if added else "removed"
    record("connection_changed", user=account.user, request=request, how=how)


@receiver(signals.authentication_failed)
def _code_failed(*, request: HttpRequest, user: AbstractBaseUser, **_: Any) -> None:
    record("sign_in_failed", user=user, request=request, step="code")


# Roles -------------------------------------------------------------------------------------


@receiver(m2m_changed, sender=User.groups.through)
def _groups_changed(**event: Any) -> None:
    _membership("roles_changed", Group, event)


@receiver(m2m_changed, sender=User.user_permissions.through)
def _permissions_changed(**event: Any) -> None:
    _membership("permissions_changed", Permission, event)


def _membership(kind: str, model: Any, event: dict[str, Any]) -> None:
    instance, action, reverse = event["instance"], event["action"], event["reverse"]
    pk_set = event["pk_set"]
    if action == "pre_clear":  # afterwards nobody could say who was in it
        members = instance.user_set if reverse else getattr(instance, _field(model))
        action, pk_set = "post_remove", list(members.values_list("pk", flat=True))
    if action not in ("post_add", "post_remove") or not pk_set:
        return
    how = "added" if action == "post_add" else "removed"
    if reverse:
        details: dict[str, Any] = {how: [str(instance)]}
        for user in User.objects.filter(pk__in=pk_set):
            record(kind, user=user, **details)
    else:
        details = {how: sorted(map(str, model.objects.filter(pk__in=pk_set)))}
        record(kind, user=instance, **details)


def _field(model: Any) -> str:
    return "groups" if model is Group else "user_permissions"


@receiver(m2m_changed, sender=Group.permissions.through)
def _group_permissions_changed(
    *, instance: Any, action: str, reverse: bool, pk_set: Any, **_: Any
) -> None:
    if action not in ("post_add", "post_remove", "post_clear"):
        return
    how = {"post_add": "added", "post_remove": "removed", "post_clear": "cleared"}[action]
    changed = (Group if reverse else Permission).objects.filter(pk__in=pk_set or ())
    details: dict[str, Any] = {"of": str(instance), how: sorted(map(str, changed))}
    record("permissions_changed", **details)


@receiver(pre_save, sender=Group)
def _look_at_group(*, instance: Group, raw: bool, **_: Any) -> None:
    before = Group.objects.filter(pk=instance.pk).values_list("name", flat=True)
    instance.audit_before = None if raw else before.first()  # type: ignore[attr-defined]


@receiver(post_save, sender=Group)
def _group_saved(*, instance: Group, **_: Any) -> None:
    before = getattr(instance, "audit_before", None)
    if before is not None and before != instance.name:
        record("group_renamed", before=before, name=instance.name)


@receiver(post_delete, sender=Group)
def _group_deleted(*, instance: Group, **_: Any) -> None:
    record("group_deleted", name=instance.name)
