"""The users behind sessions, which know them by id only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError

ANONYMOUS = "anonymous"


def names(user_ids: Iterable[str]) -> dict[str, str]:
    """What to call the owners of sessions; a visitor's session has the owner ""."""
    ids = set(user_ids)
    called = {user_id: f"deleted user {user_id}" for user_id in ids} | {"": ANONYMOUS}
    by_key = keys(ids)
    for key, user in get_user_model()._default_manager.in_bulk(by_key).items():
        called[by_key[key]] = user.get_username()
    return called


def keys(user_ids: Iterable[str]) -> dict[Any, str]:
    """The ids as sessions store them, by primary key; without those that cannot be one."""
    return {key: user_id for user_id in user_ids if (key := _key(user_id)) is not None}


def find(name_or_id: str) -> AbstractBaseUser | None:
    """A user by name, else by id."""
    users = get_user_model()._default_manager
    by_name = users.filter(**{get_user_model().USERNAME_FIELD: name_or_id}).first()
    if by_name is not None:
        return by_name
    key = _key(name_or_id)
    return None if key is None else users.filter(pk=key).first()


def named_like(part: str, limit: int = 1000) -> set[str]:
    """Ids of users whose name contains `part`."""
    field = f"{get_user_model().USERNAME_FIELD}__icontains"
    users = get_user_model()._default_manager.filter(**{field: part})
    return {str(pk) for pk in users.values_list("pk", flat=True)[:limit]}


def _key(user_id: str) -> Any:
    if not user_id:
        return None
    try:
        return get_user_model()._meta.pk.to_python(user_id)
    except (ValidationError, ValueError, OverflowError):
        return None
