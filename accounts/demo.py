"""The people one can sign in as on a fresh installation."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils.translation import gettext_noop as _

from .conf import conf


@dataclass(frozen=True, slots=True)
class DemoUser:
    username: str
    name: str
    role: str
    groups: tuple[str, ...] = ()
    superuser: bool = False


DEMO_USERS = (
    DemoUser(
        "ada", "Ada Lovelace", _("analyst: sees every app of the group analysts"), ("analysts",)
    ),
    DemoUser("bob", "Bob", _("no group: sees what is open to everybody")),
    DemoUser("admin", "Admin", _("superuser: the Django admin and all apps"), superuser=True),
)


@transaction.atomic
def ensure_demo_users() -> list[str]:
    """Creates those that are missing and returns their names; leaves the others as they are."""
    created = []
    for demo in DEMO_USERS:
        first_name, _, last_name = demo.name.partition(" ")
        user, is_new = User.objects.get_or_create(
            username=demo.username,
            defaults={
                "email": f"{demo.username}@example.com",
                "first_name": first_name,
                "last_name": last_name,
                "is_staff": demo.superuser,
                "is_superuser": demo.superuser,
            },
        )
        groups = [Group.objects.get_or_create(name=name)[0] for name in demo.groups]
        if is_new:
            user.set_password(conf.demo_password)
            user.save(update_fields=["password"])
            user.groups.set(groups)
            created.append(demo.username)
    return created
