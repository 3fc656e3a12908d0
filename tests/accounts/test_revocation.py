"""What ends a login ends it for the next request, whatever the ticket still says."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client

from sessionstate import logins
from tests.accounts.helpers import (
    ME,
    SAME_ORIGIN,
    bearer,
    by_api,
    by_page,
    claims_of,
    cookie_of,
    signed,
    status,
)
from tests.factories import PASSWORD, UserFactory

COOKIE = settings.SESSION_COOKIE_NAME


@pytest.fixture
def places(ada: User) -> dict[str, Any]:
    """One login as seen from a browser, and copies of its tickets elsewhere."""
    browser, copy = Client(), Client()
    tokens = by_api("ada", browser)
    copy.cookies[COOKIE] = cookie_of(browser)
    return {"browser": browser, "copy": copy, **tokens}


def everywhere(places: dict[str, Any]) -> list[int]:
    refreshed = Client().post(
        "/api/auth/refresh", {"refresh": places["refresh"]}, content_type="application/json"
    )
    return [
        status(client=places["browser"]),
        status(client=places["copy"]),
        status(places["access"]),
        Client().get(ME, headers={"X-Session-Token": places["access"]}).status_code,
        refreshed.status_code,
    ]


def by_page_form(places: dict[str, Any]) -> None:
    places["browser"].post("/accounts/logout/")


def by_cookie(places: dict[str, Any]) -> None:
    answer = places["browser"].post("/api/auth/logout", headers=SAME_ORIGIN)
    assert answer.status_code == 204
    assert answer.content == b""


def by_bearer(places: dict[str, Any]) -> None:
    answer = Client().post("/api/auth/logout", headers=bearer(places["access"]))
    assert answer.status_code == 204


def by_operator(places: dict[str, Any]) -> None:
    assert logins.revoke(places["session_id"])


def disabled(places: dict[str, Any]) -> None:
    User.objects.filter(username="ada").update(is_active=False)


def deleted(places: dict[str, Any]) -> None:
    User.objects.get(username="ada").delete()


def new_password(places: dict[str, Any]) -> None:
    ada = User.objects.get(username="ada")
    ada.set_password("something else")
    ada.save()


@pytest.mark.parametrize(
    "end",
    [by_page_form, by_cookie, by_bearer, by_operator, disabled, deleted, new_password],
)
def test_every_ticket_is_void_at_once(places: dict[str, Any], end: Any) -> None:
    assert everywhere({**places, "refresh": "x"}) == [200, 200, 200, 200, 401]
    end(places)
    assert everywhere(places) == [401] * 5


def test_signing_out_takes_the_cookie_back(ada: User) -> None:
    browser = by_page("ada")
    answer = browser.post("/accounts/logout/")
    assert answer.status_code == 302
    cookie = answer.cookies[COOKIE]
    assert (cookie.value, cookie["max-age"], cookie["path"]) == ("", 0, "/")


def test_signing_out_is_a_post(ada: User) -> None:
    browser = by_page("ada")
    page = browser.get("/accounts/logout/")
    assert page.status_code == 200
    assert b"Sign out?" in page.content
    assert browser.get("/api/auth/logout").status_code == 405
    assert status(client=browser) == 200
    assert Client(enforce_csrf_checks=True).post("/accounts/logout/").status_code == 403


def test_signing_out_leaves_other_logins(ada: User) -> None:
    here, there = by_page("ada"), by_api("ada")
    here.post("/accounts/logout/")
    assert status(there["access"]) == 200


def test_a_ticket_of_another_users_session_is_worthless(ada: User, bob: User) -> None:
    adas, bobs = by_api("ada"), by_api("bob")
    for place, foreign in (
        ("access", signed(claims_of(bobs["access"]), sid=adas["session_id"])),
        ("access", signed(claims_of(adas["access"]), sub=str(bob.pk))),
    ):
        assert place == "access"
        assert status(foreign) == 401
    assert status(adas["access"]) == status(bobs["access"]) == 200, "and it does no harm"


def test_changing_the_password_keeps_this_login_and_ends_the_others(ada: User) -> None:
    here, there, program = by_page("ada"), by_page("ada"), by_api("ada")
    before = claims_of(cookie_of(here))["sid"]
    here.cookies[COOKIE]  # noqa: B018
    form = {
        "oldpassword": PASSWORD,
        "password1": "brand new secret",
        "password2": "brand new secret",
    }
    assert here.post("/accounts/password/change/", form).status_code == 302
    assert claims_of(cookie_of(here))["sid"] != before, "a copy of the old cookie is dead too"
    assert status(client=here) == 200
    assert status(client=there) == 401
    assert status(program["access"]) == 401
    by_page("ada", password="brand new secret")


def test_a_group_counts_from_the_next_request(ada: User) -> None:
    access = by_api("ada")["access"]

    def groups() -> list[str]:
        found: list[str] = Client().get(ME, headers=bearer(access)).json()["groups"]
        return found

    assert groups() == ["analysts"]
    ada.groups.add(Group.objects.create(name="editors"))
    assert groups() == ["analysts", "editors"]
    ada.groups.clear()
    assert groups() == []


def test_a_revoked_session_is_not_saved_back(ada: User) -> None:
    browser = by_page("ada")
    sid = claims_of(cookie_of(browser))["sid"]
    logins.revoke(sid)
    put = browser.put("/api/session/data/x", "1", "application/json", headers=SAME_ORIGIN)
    assert put.status_code == 401
    assert sid not in {login.id for login in logins.for_user(ada.pk)}


# "Your sessions", by API and by page.

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def three(ada: User, bob: User) -> tuple[Client, dict[str, Any], Client]:
    phone = Client(headers={"User-Agent": PHONE})
    by_page("ada", phone)
    program = by_api("ada", Client(headers={"User-Agent": "python-httpx/0.28.1"}))
    other = by_page("bob")
    return phone, program, other


def test_the_list_names_device_address_and_times(three: Any) -> None:
    phone, program, _ = three
    found = phone.get("/api/sessions").json()
    assert [(one["device"], one["current"], one["ip"]) for one in found] == [
        ("Mobile Safari on iOS", True, "127.0.0.1"),
        ("python-httpx", False, "127.0.0.1"),
    ]
    assert found[1]["id"] == program["session_id"]
    assert found[0]["created"] <= found[0]["last_used"] < found[0]["expires"]


def test_one_login_can_be_ended(three: Any) -> None:
    phone, program, other = three
    path = f"/api/sessions/{program['session_id']}"
    assert other.delete(path, headers=SAME_ORIGIN).status_code == 404
    assert status(program["access"]) == 200, "not by somebody else"
    assert phone.delete(path, headers=SAME_ORIGIN).status_code == 204
    assert status(program["access"]) == 401
    assert phone.delete(path, headers=SAME_ORIGIN).status_code == 404
    assert phone.delete("/api/sessions/none", headers=SAME_ORIGIN).status_code == 404
    assert len(phone.get("/api/sessions").json()) == 1


def test_ending_ones_own_login_is_signing_out(three: Any) -> None:
    phone, *_ = three
    sid = claims_of(cookie_of(phone))["sid"]
    answer = phone.delete(f"/api/sessions/{sid}", headers=SAME_ORIGIN)
    assert answer.status_code == 204
    assert answer.cookies[COOKIE]["max-age"] == 0
    assert status(client=phone) == 401


def test_all_other_logins_can_be_ended(three: Any) -> None:
    phone, program, other = three
    by_api("ada")
    answer = phone.delete("/api/sessions", headers=SAME_ORIGIN)
    assert (answer.status_code, answer.json()) == (200, {"ended": 2})
    assert status(program["access"]) == 401
    assert status(client=phone) == status(client=other) == 200


def test_the_page_lists_and_ends_logins(three: Any) -> None:
    phone, program, other = three
    url = "/accounts/sessions/"
    page = phone.get(url).content.decode()
    assert "Mobile Safari on iOS" in page
    assert page.count("This session") == 1
    assert program["session_id"] in page
    assert cookie_of(phone) not in page
    other.post(url, {"session": program["session_id"]})
    assert status(program["access"]) == 200
    assert phone.post(url, {"session": program["session_id"]}).status_code == 302
    assert status(program["access"]) == 401
    second = by_api("ada")
    answer = phone.post(url, {"others": "1"}, follow=True)
    assert b"Signed out 1 other session." in answer.content
    assert status(second["access"]) == 401
    assert status(client=phone) == 200
    ended = phone.post(url, {"session": program["session_id"]}, follow=True)
    assert b"had ended already" in ended.content
    assert Client().get(url)["Location"].startswith("/accounts/login/?next=")


def test_who_never_said_what_they_use_is_unknown(ada: User) -> None:
    client = Client()
    by_page("ada", client)
    assert client.get("/api/sessions").json()[0]["device"] == "Unknown device"


# Private pages leave nothing behind.


@pytest.mark.parametrize("path", ["/accounts/sessions/", "/accounts/password/change/", ME])
def test_private_answers_are_kept_by_no_cache(ada: User, path: str) -> None:
    answer = by_page("ada").get(path)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"]
    assert "Cookie" in answer["Vary"]


def test_the_admin_takes_the_same_ticket(db: None) -> None:
    UserFactory(username="root", is_staff=True, is_superuser=True)
    program = by_api("root")
    assert by_page("root").get("/admin/").status_code == 200
    assert Client().get("/admin/", headers=bearer(program["access"])).status_code == 200
    logins.revoke_user(User.objects.get(username="root").pk)
    assert Client().get("/admin/", headers=bearer(program["access"])).status_code == 302
