"""Users and groups in the Django admin."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.accounts.helpers import by_api, by_page, status
from tests.factories import UserFactory

USERS = "/admin/auth/user/"


@pytest.fixture
def root(db: None) -> Client:
    UserFactory(username="root", is_staff=True, is_superuser=True)
    return by_page("root")


def test_users_are_listed_with_their_groups(root: Client, ada: User) -> None:
    page = root.get(USERS).content.decode()
    assert "analysts" in page
    assert "ada@example.com" in page
    assert root.get(f"{USERS}{ada.pk}/change/").status_code == 200
    assert root.get(f"{USERS}add/").status_code == 200
    groups = root.get("/admin/auth/group/").content.decode()
    assert '<td class="field-members">1</td>' in groups


def test_the_number_of_queries_does_not_grow_with_the_users(
    root: Client, django_assert_max_num_queries: object
) -> None:
    for _ in range(20):
        UserFactory(groups=["analysts"])
    with django_assert_max_num_queries(20):  # type: ignore[operator]
        root.get(USERS)


@pytest.mark.parametrize("action", ["sign_out_everywhere", "disable"])
def test_an_action_ends_all_sessions_of_the_users_it_is_for(
    root: Client, ada: User, bob: User, action: str
) -> None:
    adas, bobs = [by_api("ada")["access"] for _ in range(2)], by_api("bob")["access"]
    chosen = [ada.pk, User.objects.get(username="root").pk] if action == "disable" else [ada.pk]
    answer = root.post(USERS, {"action": action, "_selected_action": chosen}, follow=True)
    assert answer.status_code == 200
    assert [status(token) for token in adas] == [401, 401]
    assert status(bobs) == 200
    ada.refresh_from_db()
    assert ada.is_active is (action != "disable")
    assert User.objects.get(username="root").is_active, "nobody disables themselves"


def test_who_is_no_staff_is_sent_to_sign_in(ada: User) -> None:
    assert by_page("ada").get(USERS).status_code == 302
    assert Client().get(USERS).status_code == 302
