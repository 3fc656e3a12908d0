"""Sessions in Django's admin, through its pages and on every backend."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.auth.views import LoginView
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import path

from sessionstate import clock, listing, logins
from sessionstate.backends.base import Backend
from tests.sessionstate.visits import lives, person, visit

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/login/", LoginView.as_view(template_name="admin/login.html")),
]
LIST = "/admin/sessionstate/livesession/"
REVOKE = f"{LIST}revoke/"

pytestmark = pytest.mark.urls(__name__)


TEMPLATES = {
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {
        "context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages",
        ]
    },
}


@pytest.fixture(autouse=True)
def sessionstate_alone() -> Iterator[None]:
    """Without the project's tickets and error pages."""
    tickets = "sessionstate.tickets.SessionIdCookie"
    with override_settings(SESSIONSTATE_TICKETS=tickets, TEMPLATES=[TEMPLATES]):
        yield


@pytest.fixture
def ada(backend: Backend) -> User:
    return person("ada")


@pytest.fixture
def bob(backend: Backend) -> User:
    return person("bob")


@pytest.fixture
def boss(backend: Backend) -> Client:
    return signed_in(person("boss", is_staff=True, is_superuser=True))


def signed_in(user: User) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def staff(*permissions: str) -> Client:
    user = person("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return signed_in(user)


def own_id(client: Client) -> str:
    return str(client.session.session_key)


def page(client: Client, url: str, **query: str) -> str:
    response = client.get(url, query)
    assert response.status_code == 200, response
    text = response.content.decode()
    for login in logins.each():
        assert login.id not in text, "a whole session id is on the page"
    return text


def shown(text: str) -> list[str]:
    """Short ids of the rows of a list, in their order."""
    return re.findall(r'<th class="field-session"><a [^>]*><code>(\w+)</code>', text)


def handles(text: str) -> dict[str, str]:
    """From short id to the handle that the row's checkbox carries."""
    found = re.findall(r'name="_selected_action" value="([^"]+)"', text)
    return {handle[:8]: handle for handle in found}


def link_to(text: str, session_id: str) -> str:
    found = re.search(rf'href="([^"]+)"><code>{session_id[:8]}</code>', text)
    assert found
    return html.unescape(found[1])


def fields(text: str) -> dict[str, str]:
    """What a form of the page sends along unseen."""
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', text)
    return {name: html.unescape(value) for name, value in pairs}


def post(client: Client, url: str, **data: Any) -> Any:
    token = client.get(LIST).context["csrf_token"]
    return client.post(url, {"csrfmiddlewaretoken": str(token), **data}, follow=True)


def choose(client: Client, action: str, *session_ids: str, **more: Any) -> str:
    """Ticks rows and starts an action; the page that asks."""
    known = handles(page(client, LIST))
    ticked = [known[session_id[:8]] for session_id in session_ids]
    response = post(client, LIST, action=action, _selected_action=ticked, **more)
    return str(response.content.decode())


def confirm(client: Client, asked: str, **more: str) -> str:
    """Says yes on the page that asks; what the next page says."""
    hidden = {name: value for name, value in fields(asked).items() if name in ("sessions", "users")}
    response = post(client, REVOKE, confirmed="yes", **hidden, **more)
    assert response.status_code == 200
    return str(response.content.decode())


# The list.


def test_the_list_shows_who_is_signed_in_where(boss: Client, ada: User) -> None:
    session_id = visit(ada, ip="192.0.2.7")
    anonymous = visit()
    text = page(boss, LIST)
    assert set(shown(text)) == {session_id[:8], anonymous[:8], own_id(boss)[:8]}
    for part in (">ada<", "Firefox on Linux", "192.0.2.7", ">anonymous<", "3 sessions"):
        assert part in text


def test_ones_own_session_is_marked(boss: Client, ada: User) -> None:
    visit(ada)
    text = page(boss, LIST)
    assert text.count("own-session") == 1
    assert re.search(rf'{own_id(boss)[:8]}</code> <span class="own-session">yours', text)


def test_the_last_used_come_first_and_columns_sort(boss: Client, ada: User) -> None:
    clock.shift(60)
    big = visit(ada, ip="10.0.0.2", note="x" * 5000)[:8]
    clock.shift(60)
    small = visit(ada, ip="10.0.0.1")[:8]
    boss.get(LIST)  # the latest use of all
    text = page(boss, LIST)
    assert [one for one in shown(text) if one in (big, small)] == [small, big]
    columns = re.findall(r'class="(?:sortable )?column-(\w+)', text)
    size = columns.index("size") + 1
    assert shown(page(boss, LIST, o=f"-{size}"))[0] == big
    address = columns.index("address") + 1
    assert [one for one in shown(page(boss, LIST, o=str(address))) if one in (big, small)] == [
        small,
        big,
    ]


def test_the_list_has_pages(boss: Client, ada: User) -> None:
    for _ in range(60):
        visit(ada)
    first, second = shown(page(boss, LIST)), shown(page(boss, LIST, p="2"))
    assert (len(first), len(second)) == (50, 11)
    assert not set(first) & set(second)
    assert len(shown(page(boss, LIST, all=""))) == 61


def test_a_search_finds_users_addresses_and_short_ids(boss: Client, ada: User) -> None:
    hers = visit(ada, ip="192.0.2.7")[:8]
    theirs = visit(ip="198.51.100.9")[:8]
    assert shown(page(boss, LIST, q="AD")) == [hers]
    assert shown(page(boss, LIST, q=" 192.0.2 ")) == [hers]
    assert shown(page(boss, LIST, q=theirs)) == [theirs]
    assert shown(page(boss, LIST, q="<script>")) == []


def test_filters_by_user_and_state(boss: Client, ada: User, bob: User) -> None:
    hers, his, visitors = visit(ada)[:8], visit(bob)[:8], visit()[:8]
    text = page(boss, LIST)
    assert f"?user={ada.pk}" in text and "?state=anonymous" in text
    assert shown(page(boss, LIST, user=str(ada.pk))) == [hers]
    assert shown(page(boss, LIST, state="anonymous")) == [visitors]
    assert set(shown(page(boss, LIST, state="signed-in"))) == {hers, his, own_id(boss)[:8]}
    assert shown(page(boss, LIST, user=str(ada.pk), state="anonymous")) == []
    assert shown(page(boss, LIST, user=str(ada.pk), q="bob")) == []


@pytest.mark.parametrize("query", [{"user": "x" * 50}, {"p": "99"}, {"p": "x"}, {"o": "99.-1"}])
def test_nonsense_in_the_address_bar_is_no_error(query: dict[str, str], boss: Client) -> None:
    assert boss.get(LIST, query, follow=True).status_code == 200


def test_unknown_lookups_lead_back_to_the_list(boss: Client) -> None:
    response = boss.get(LIST, {"handle": "x"})
    assert (response.status_code, response["Location"]) == (302, f"{LIST}?e=1")


def test_more_sessions_than_one_page_load_reads(
    boss: Client, ada: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST", 3)
    for _ in range(6):
        visit(bob)
    hers = {visit(ada)[:8], visit(ada)[:8]}
    text = page(boss, LIST)
    assert len(shown(text)) == 3
    assert "There are more than 3 sessions" in text
    assert set(shown(page(boss, LIST, user=str(ada.pk)))) == hers
    assert set(shown(page(boss, LIST, q="ada"))) == hers


def test_it_is_called_sessions_under_session_state(boss: Client) -> None:
    text = page(boss, "/admin/")
    assert "Session state" in text
    assert f'<a href="{LIST}"' in text


# One session.


def test_a_session_is_shown_with_its_data(boss: Client, ada: User) -> None:
    session_id = visit(ada, ip="192.0.2.7", history=["<b>hi</b>"], price=3)
    text = page(boss, link_to(page(boss, LIST), session_id))
    for part in ("ada", "192.0.2.7", "Firefox on Linux", "Firefox/132.0", "list of 1"):
        assert part in text
    assert "&lt;b&gt;hi&lt;/b&gt;" in text and "<b>hi" not in text


def test_secrets_in_a_session_are_not_shown(boss: Client, ada: User) -> None:
    session_id = visit(ada, api_token="sk-1", form={"password": "hunter2"})
    text = page(boss, link_to(page(boss, LIST), session_id))
    assert "_auth_user_hash" in text and "framework" in text
    for secret in (ada.get_session_auth_hash(), "sk-1", "hunter2"):
        assert secret not in text


def test_keys_and_user_agents_from_outside_are_escaped(boss: Client, ada: User) -> None:
    evil = "<script>alert(1)</script>"
    session_id = visit(ada, agent=evil, ip="10.0.0.1", **{evil: evil})
    text = page(boss, LIST)
    assert evil not in text
    assert evil not in page(boss, link_to(text, session_id))
    assert evil not in choose(boss, "revoke_selected", session_id)


def test_long_values_are_cut(boss: Client, ada: User) -> None:
    session_id = visit(ada, note="x" * 1_000_000)
    assert len(page(boss, link_to(page(boss, LIST), session_id))) < 50_000


def test_looking_at_a_session_does_not_keep_it_alive(boss: Client, ada: User) -> None:
    session_id = visit(ada)
    (before,) = logins.for_user(ada.pk)
    clock.shift(3600)
    page(boss, link_to(page(boss, LIST), session_id))
    assert logins.for_user(ada.pk) == [before]


def test_a_session_that_has_ended_says_so(boss: Client, ada: User) -> None:
    session_id = visit(ada)
    url = link_to(page(boss, LIST), session_id)
    logins.revoke(session_id)
    response = boss.get(url, follow=True)
    assert response.redirect_chain == [(LIST, 302)]
    assert "This session has ended." in response.content.decode()


# Whoever knows a whole id may ask for it.
@pytest.mark.usefixtures("leaks_on_purpose")
def test_only_the_exact_handle_opens_a_session(boss: Client, ada: User) -> None:
    session_id = visit(ada, note="private")
    handle = handles(page(boss, LIST))[session_id[:8]]
    guesses = [
        session_id,
        session_id[:8],
        handle[:-1],
        handle + "0",
        f"{session_id[:8]}-{'0' * 32}",
    ]
    for guess in guesses:
        response = boss.get(f"{LIST}{guess}/change/", follow=True)
        assert "This session has ended." in response.content.decode()


def test_nothing_can_be_added_changed_or_deleted_past_the_confirmation(
    boss: Client, ada: User
) -> None:
    session_id = visit(ada)
    url = link_to(page(boss, LIST), session_id)
    assert post(boss, url, session="x").status_code == 403
    for other in ("add/", f"{url}../delete/", f"{url}../history/"):
        assert boss.get(f"{LIST}add/" if other == "add/" else other).status_code == 404
    choose(boss, "delete_selected", session_id, post="yes")
    assert lives(session_id)


# Revoking.


def test_selected_sessions_are_revoked_after_a_question(boss: Client, ada: User) -> None:
    gone, stays = visit(ada), visit(ada)
    asked = choose(boss, "revoke_selected", gone)
    assert gone[:8] in asked and stays[:8] not in asked and gone not in asked
    assert lives(gone)
    assert "1 session was revoked." in confirm(boss, asked)
    assert (lives(gone), lives(stays)) == (False, True)


def test_all_sessions_of_the_users_of_the_selected_ones(boss: Client, ada: User, bob: User) -> None:
    hers, his, visitors = [visit(ada) for _ in range(3)], visit(bob), visit()
    asked = choose(boss, "revoke_users", hers[0], visitors)
    assert "Revoke all 3 sessions of ada?" in asked
    assert "3 sessions were revoked." in confirm(boss, asked)
    assert [lives(one) for one in (*hers, his, visitors)] == [False] * 3 + [True] * 2


def test_nobody_is_behind_anonymous_sessions(boss: Client) -> None:
    session_id = visit()
    assert "Nobody is signed in" in choose(boss, "revoke_users", session_id)


def test_more_sessions_than_django_takes_form_fields(
    boss: Client, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [visit(ada) for _ in range(12)]
    with override_settings(DATA_UPLOAD_MAX_NUMBER_FIELDS=10):
        asked = choose(boss, "revoke_selected", ids[0], select_across="1", index="0")
        assert f"these {len(ids) + 1} sessions" in asked
        confirm(boss, asked)
    assert not any(map(lives, ids))
    assert lives(own_id(boss))


def test_one_session_is_revoked_from_its_page(boss: Client, ada: User) -> None:
    session_id = visit(ada)
    text = page(boss, link_to(page(boss, LIST), session_id))
    assert f'formaction="{REVOKE}"' in text
    asked = post(boss, REVOKE, sessions=fields(text)["sessions"]).content.decode()
    assert lives(session_id)
    confirm(boss, asked)
    assert not lives(session_id)


def test_a_user_is_signed_out_everywhere_from_the_users_page(boss: Client, ada: User) -> None:
    ids = [visit(ada), visit(ada)]
    text = page(boss, f"/admin/auth/user/{ada.pk}/change/")
    assert f'href="{LIST}?user={ada.pk}"' in text
    assert f'href="{REVOKE}?users={ada.pk}"' in text
    asked = page(boss, REVOKE, users=str(ada.pk))
    assert all(map(lives, ids)), "a GET must not revoke"
    confirm(boss, asked)
    assert not any(map(lives, ids))


def test_a_user_without_sessions_is_nothing_to_revoke(boss: Client, ada: User) -> None:
    assert "ada has no live session" in page(boss, REVOKE, users=str(ada.pk))


@pytest.mark.parametrize("query", [{}, {"sessions": "x,,-"}, {"users": "x,,é"}, {"users": ","}])
def test_nonsense_is_nothing_to_revoke(query: dict[str, str], boss: Client) -> None:
    page(boss, REVOKE, **query)
    post(boss, REVOKE, confirmed="yes", **query)
    assert lives(own_id(boss))


def test_ones_own_session_stays_unless_ticked(boss: Client, ada: User) -> None:
    hers, own = visit(ada), own_id(boss)
    asked = choose(boss, "revoke_selected", hers, own)
    assert 'name="own_too"' in asked
    assert "Yours was left as it is." in confirm(boss, asked)
    assert (lives(hers), lives(own)) == (False, True)


def test_ones_own_session_is_ended_by_signing_out(boss: Client) -> None:
    own = own_id(boss)
    asked = choose(boss, "revoke_selected", own)
    assert 'name="password"' in confirm(boss, asked, own_too="on"), "not the login page"
    assert not lives(own)
    assert LogEntry.objects.get().action_flag == DELETION


def test_revocations_are_in_the_log_without_whole_ids(boss: Client, ada: User) -> None:
    ids = [visit(ada), visit(ada)]
    confirm(boss, choose(boss, "revoke_users", ids[0]))
    removed = LogEntry.objects.filter(action_flag=DELETION)
    assert {entry.object_repr for entry in removed} == {f"{one[:8]} (ada)" for one in ids}
    changed = LogEntry.objects.get(action_flag=CHANGE)
    assert (changed.get_edited_object(), changed.user.username) == (ada, "boss")
    assert changed.change_message == "Signed out everywhere: 2 sessions revoked."
    stored = repr(list(LogEntry.objects.values()))
    assert not any(one in stored for one in ids)
    assert boss.get("/admin/").status_code == 200


# Who may.


def test_a_revocation_needs_the_csrf_token(boss: Client, ada: User) -> None:
    session_id = visit(ada)
    answer = boss.post(REVOKE, {"users": str(ada.pk), "confirmed": "yes"})
    assert answer.status_code == 403
    assert lives(session_id)


def test_to_view_is_not_to_revoke(ada: User) -> None:
    session_id = visit(ada)
    client = staff("view_livesession", "view_user")
    text = page(client, LIST)
    assert "revoke_selected" not in text and "revoke_users" not in text
    assert "Revoke" not in page(client, link_to(text, session_id))
    assert "Sign out everywhere" not in page(client, f"/admin/auth/user/{ada.pk}/change/")
    assert client.get(REVOKE, {"users": str(ada.pk)}).status_code == 403
    assert post(client, REVOKE, users=str(ada.pk), confirmed="yes").status_code == 403
    handle = handle_in(text, session_id)
    post(client, LIST, action="revoke_selected", _selected_action=[handle])
    assert lives(session_id)


def handle_in(text: str, session_id: str) -> str:
    return link_to(text, session_id).removeprefix(LIST).partition("/")[0]


def test_staff_without_permission_see_nothing(ada: User) -> None:
    session_id = visit(ada)
    url = link_to(page(staff("view_livesession"), LIST), session_id)
    client = signed_in(person("other", is_staff=True))
    for place in (LIST, url, f"{LIST}nosuchid-x/change/", REVOKE):
        assert client.get(place).status_code == 403
    assert LIST not in page(client, "/admin/")


def test_others_are_sent_to_the_login_page(ada: User) -> None:
    client = signed_in(ada)
    for place in (LIST, REVOKE, f"{LIST}nosuchid-x/change/"):
        response = client.get(place)
        assert response.status_code == 302
        assert response["Location"].startswith("/admin/login/")


def test_the_model_of_the_admin_needs_no_table_and_no_migration(backend: Backend) -> None:
    call_command("makemigrations", "sessionstate", check=True, dry_run=True, verbosity=0)
