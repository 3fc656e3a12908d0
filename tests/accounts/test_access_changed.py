"""Whoever changes what somebody may do, by whatever way of Django: `access_changed` says whose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connection, transaction

from accounts import changes
from accounts.signals import access_changed
from tests.factories import GroupFactory, UserFactory

Change: TypeAlias = Callable[[User, Group], object]
Heard: TypeAlias = list[str | None]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def heard() -> Iterator[Heard]:
    found: Heard = []

    def note(*, user_id: str | None, **_: object) -> None:
        # Others may read what it is about.
        assert not connection.in_atomic_block
        found.append(user_id)

    access_changed.connect(note)
    yield found
    access_changed.disconnect(note)


@pytest.fixture
def people(transactional_db: None) -> tuple[User, User, Group]:
    UserFactory(username="somebody")  # so that ids of users and groups differ
    return UserFactory(username="ada"), UserFactory(username="bob"), GroupFactory(name="editors")


def saved(user: User, group: Group) -> None:
    user.is_active = False
    user.save()


def password(user: User, group: Group) -> None:
    user.set_password("x")
    user.save(update_fields=["password"])


def permission() -> Permission:
    return Permission.objects.all()[0]


ONE: dict[str, Change] = {
    "saved": saved,
    "new password": password,
    "disabled by its id": lambda u, g: User.objects.filter(pk=u.pk).update(is_active=False),
    "several by id": lambda u, g: User.objects.filter(pk__in=[u.pk]).update(is_staff=True),
    "bulk_update": lambda u, g: User.objects.bulk_update([u], ["is_active"]),
    "deleted": lambda u, g: u.delete(),
    "deleted by query": lambda u, g: User.objects.filter(username=u.username).delete(),
    "group added": lambda u, g: u.groups.add(g),
    "groups set": lambda u, g: u.groups.set([g, GroupFactory(name="others")]),
    "member added": lambda u, g: g.user_set.add(u),
    "permission added": lambda u, g: u.user_permissions.add(permission()),
    "link created": lambda u, g: User.groups.through.objects.create(user=u, group=g),
    "links created": lambda u, g: User.groups.through.objects.bulk_create(
        [User.groups.through(user=u, group=g)]
    ),
}

ONE_OF_GROUP: dict[str, Change] = {
    "group removed": lambda u, g: u.groups.remove(g),
    "groups cleared": lambda u, g: u.groups.clear(),
    "member removed": lambda u, g: g.user_set.remove(u),
    "links deleted": lambda u, g: User.groups.through.objects.filter(user=u).delete(),
}


@pytest.mark.parametrize("name", [*ONE, *ONE_OF_GROUP])
def test_one_user(people: tuple[User, User, Group], heard: Heard, name: str) -> None:
    ada, bob, group = people
    if name in ONE_OF_GROUP:
        group.user_set.add(ada, bob)
        heard.clear()
    user_id = str(ada.pk)
    (ONE | ONE_OF_GROUP)[name](ada, group)
    assert set(heard) == {user_id}


def raw(user: User, group: Group) -> None:
    with connection.cursor() as cursor:
        cursor.execute("/* job */ update auth_user set is_active = %s", [False])


def by_script(user: User, group: Group) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE auth_user SET is_staff = %s WHERE id = %s", [(True, user.pk)])


def renamed(user: User, group: Group) -> None:
    group.name = "authors"
    group.save()


ANYBODY: dict[str, Change] = {
    "by name": lambda u, g: User.objects.filter(username=u.username).update(is_active=False),
    "all but one": lambda u, g: User.objects.exclude(pk=u.pk).update(is_active=False),
    "one or another": lambda u, g: (
        User.objects.filter(pk=u.pk) | User.objects.filter(is_staff=True)
    ).update(is_active=False),
    "members": lambda u, g: User.objects.filter(groups=g).update(is_active=False),
    "members cleared": lambda u, g: g.user_set.clear(),
    "group renamed": renamed,
    "group deleted": lambda u, g: g.delete(),
    "group's permissions": lambda u, g: g.permissions.add(permission()),
    "group's permissions cleared": lambda u, g: g.permissions.clear(),
    "permission renamed": lambda u, g: Permission.objects.filter(pk=permission().pk).update(
        codename="x"
    ),
    "links deleted": lambda u, g: User.groups.through.objects.filter(group=g).delete(),
    "links deleted raw": lambda u, g: User.groups.through.objects.all()._raw_delete("default"),
    "users merged": lambda u, g: User.objects.bulk_create(
        [u], update_conflicts=True, unique_fields=["username"], update_fields=["is_active"]
    ),
    "raw": raw,
    "executemany": by_script,
}


@pytest.mark.parametrize("name", ANYBODY)
def test_anybody(people: tuple[User, User, Group], heard: Heard, name: str) -> None:
    ada, _, group = people
    group.user_set.add(ada)
    if name.endswith("cleared"):
        group.permissions.add(permission())
    heard.clear()
    ANYBODY[name](ada, group)
    assert None in heard


def test_what_decides_nothing_is_not_said(people: tuple[User, User, Group], heard: Heard) -> None:
    ada, _, group = people
    UserFactory(username="new")
    GroupFactory(name="new")
    User.objects.filter(username="nobody").update(is_active=False)
    ada.save(update_fields=["last_login"])
    User.objects.update(last_login=None)
    list(User.objects.filter(groups=group).select_for_update())
    assert heard == []


def test_a_table_that_is_only_read_is_not_said_to_have_changed() -> None:
    sql = 'INSERT INTO "new__auth_user" ("id") SELECT "id" FROM "auth_user"'
    assert changes.whose(sql, ()) == set()


def test_what_is_rolled_back_is_not_said(people: tuple[User, User, Group], heard: Heard) -> None:
    ada, bob, _ = people
    with transaction.atomic():
        bob.is_staff = True
        bob.save()
        with pytest.raises(LookupError), transaction.atomic():
            ada.is_staff = True
            ada.save()
            raise LookupError
        assert heard == []
    assert heard == [str(bob.pk)]


def test_emptied_tables_are_anybodys_change(people: tuple[User, User, Group], heard: Heard) -> None:
    call_command("flush", interactive=False, verbosity=0)
    assert None in heard


def test_a_statement_that_postgresql_would_get_names_its_users() -> None:
    sql = (
        'INSERT INTO "auth_user_groups" ("user_id", "group_id")'
        " SELECT * FROM UNNEST((%s)::integer[], (%s)::integer[]) ON CONFLICT DO NOTHING"
    )
    assert changes.whose(sql, ([1, 2], [7, 7])) == {"1", "2"}


@pytest.mark.parametrize(
    "sql",
    [
        'WITH x AS (UPDATE "auth_user" SET is_active = false) SELECT 1',
        'TRUNCATE "auth_user_groups", "auth_user"',
        "REPLACE INTO auth_user (id) VALUES (%s)",
        'DELETE FROM "other"; DELETE FROM "auth_user_groups"',
        'UPDATE "auth_user" SET "is_active" = %s WHERE NOT ("auth_user"."id" = %s)',
        'UPDATE "auth_user" SET "is_active" = %s WHERE "auth_user"."id" = %s OR 1',
        'UPDATE "auth_user" SET "username" = \'%%s\' WHERE "auth_user"."id" = %s',
        'DELETE FROM "auth_user_groups" WHERE ("auth_user_groups"."user_id") IN (SELECT 1)',
    ],
)
def test_in_doubt_it_may_be_anybody(sql: str) -> None:
    assert changes.whose(sql, [1] * sql.count("%s")) == {None}
