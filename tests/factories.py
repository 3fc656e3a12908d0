"""People for tests. `UserFactory(groups=["analysts"])` makes the groups as needed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import factory
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User

PASSWORD = "correct horse battery"


@cache
def _hash() -> str:
    return make_password(PASSWORD)  # argon2 is slow on purpose: once a run is enough


class GroupFactory(factory.django.DjangoModelFactory[Group]):
    class Meta:
        model = Group
        django_get_or_create = ("name",)

    name = factory.Sequence(lambda n: f"group{n}")


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    password = factory.LazyFunction(_hash)

    @factory.post_generation
    def groups(user: User, create: bool, names: Iterable[str] | None, **kwargs: Any) -> None:  # noqa: N805
        if names:
            user.groups.set([GroupFactory(name=name) for name in names])
