"""`manage.py sessions`, on every backend."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from sessionstate import TabState, UserState, clock, logins
from sessionstate.backends import get_backend
from sessionstate.backends.base import Address, Backend, Kind, Stamp
from sessionstate.engine import SessionStore
from tests.servers import free_port, manage, project_env
from tests.sessionstate.visits import lives, person, visit


@pytest.fixture
def ada(backend: Backend) -> User:
    return person("ada")


@pytest.fixture
def bob(backend: Backend) -> User:
    return person("bob")


def run(*args: str) -> str:
    out = io.StringIO()
    call_command("sessions", *args, stdout=out, stderr=out)
    return out.getvalue()


def run_json(*args: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*args, "--json"))
    return found


def refused(*args: str) -> CommandError:
    with pytest.raises(CommandError) as raised:
        run(*args)
    return raised.value


def listed(*args: str) -> list[str]:
    return [session["id"] for session in run_json("list", *args)["sessions"]]


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def twins() -> tuple[str, str]:
    """Two sessions whose ids begin with the same eight characters."""
    ids = ("twinstwi" + "a" * 24, "twinstwi" + "b" * 24)
    for session_id in ids:
        SessionStore(session_id).save(must_create=True)
    return ids


# list


def test_a_list_names_user_device_and_address_and_no_whole_id(ada: User) -> None:
    session_id = visit(ada, ip="192.0.2.7")
    text = run("list")
    assert session_id[:8] in text and session_id not in text
    for part in ("ada", "Firefox on Linux", "192.0.2.7", "1 session"):
        assert part in text


def test_the_last_used_come_first_page_by_page(ada: User) -> None:
    ids = []
    for _ in range(5):
        ids.append(visit(ada)[:8])
        clock.shift(10)
    newest = ids[::-1]
    pages = [run_json("list", "--limit", "2", "--page", str(page)) for page in (1, 2, 3, 4)]
    assert [[one["id"] for one in page["sessions"]] for page in pages] == [
        newest[:2],
        newest[2:4],
        newest[4:],
        [],
    ]
    assert {(page["total"], page["pages"]) for page in pages} == {(5, 3)}


def test_a_list_of_one_user_by_name_or_id(ada: User, bob: User) -> None:
    hers = visit(ada)[:8]
    visit(bob)
    assert listed("--user", "ada") == [hers]
    assert listed("--user", str(ada.pk)) == [hers]


def test_a_list_of_visitors(ada: User) -> None:
    visit(ada)
    visitors = visit()
    assert listed("--anonymous") == [visitors[:8]]


def test_sessions_of_a_deleted_user_are_still_found(ada: User) -> None:
    session_id, user_id = visit(ada)[:8], str(ada.pk)
    ada.delete()
    assert listed("--user", user_id) == [session_id]
    assert f"deleted user {user_id}" in run("list")


@pytest.mark.parametrize("term", ["ADA", "192.0.2", "curl", "8.5.0"])
def test_a_search_looks_at_user_address_and_device(term: str, ada: User, bob: User) -> None:
    hers = visit(ada, ip="192.0.2.7", agent="curl/8.5.0")[:8]
    visit(bob)
    assert listed("--search", term) == [hers]


def test_an_unknown_user_is_refused(backend: Backend) -> None:
    assert "There is no user 'nobody'" in str(refused("list", "--user", "nobody"))


def test_whole_ids_are_printed_only_when_asked_for(ada: User) -> None:
    session_id = visit(ada)
    assert session_id not in run("list", "--json")
    assert session_id in run("list", "--full-ids")
    assert listed("--full-ids") == [session_id]


def test_what_browsers_send_cannot_steer_the_terminal(ada: User) -> None:
    visit(ada, agent="\x1b[2Jevil\x07/1.0", **{"key\x1b[0m": 1})
    for text in (run("list"), run("show", logins.live()[0].short_id)):
        assert "evil" in text
        assert "\x1b" not in text and "\x07" not in text


def test_expired_sessions_are_not_listed(ada: User) -> None:
    visit(ada)
    clock.shift(365 * 24 * 3600)
    assert listed() == []


# show


def test_a_session_is_shown_with_types_and_sizes_but_no_values(ada: User) -> None:
    session_id = visit(ada, note="a private note", history=[1, 2, 3])
    shown = run_json("show", session_id[:8])
    assert session_id not in json.dumps(shown)
    assert (shown["user"]["name"], shown["device"]) == ("ada", "Firefox on Linux")
    keys = {entry["key"]: entry for entry in shown["keys"]}
    assert keys["note"].keys() == {"key", "type", "size"}
    assert (keys["note"]["type"], keys["history"]["type"]) == ("str", "list of 3")
    assert sum(len(key) + entry["size"] for key, entry in keys.items()) == shown["size"]
    assert "private" not in run("show", session_id[:8])


def test_values_are_shown_on_request_and_secrets_never(ada: User) -> None:
    session_id = visit(ada, note="a private note", login={"password": "hunter2"}, api_key="sk-1")
    text, shown = run("show", session_id[:8], "--values"), run_json("show", session_id, "--values")
    assert "a private note" in text
    values = {entry["key"]: entry["value"] for entry in shown["keys"]}
    assert values["note"] == "'a private note'"
    assert values["api_key"] is values["_auth_user_hash"] is values["_auth_user_id"] is None
    for secret in ("hunter2", "sk-1", ada.get_session_auth_hash()):
        assert secret not in text and secret not in json.dumps(shown)


def test_long_and_deep_values_are_shortened(backend: Backend) -> None:
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    session_id = visit(note="x" * 100_000, deep=deep)
    shown = run_json("show", session_id[:8], "--values")
    assert all(len(entry["value"]) < 1000 for entry in shown["keys"])


def test_a_damaged_value_is_named_and_the_others_are_shown(backend: Backend) -> None:
    session_id = visit(good="fine", bad="x")
    address = Address(Kind.SESSION, session_id)
    snapshot = get_backend().load(address)
    assert snapshot is not None
    broken = snapshot.values["bad"][:-1] + b"\x00"
    stamp = Stamp(clock.timestamp(), snapshot.info.expires)
    get_backend().save(address, {"bad": broken}, stamp, limit=10_000)
    entries = {one["key"]: one for one in run_json("show", session_id, "--values")["keys"]}
    assert entries["bad"]["type"] == "unreadable"
    assert entries["good"]["value"] == "'fine'"


def test_an_ambiguous_short_or_unknown_id_is_refused(backend: Backend) -> None:
    first, second = twins()
    assert "2 sessions" in str(refused("show", "twinstwi"))
    assert "too short" in str(refused("show", "twins"))
    assert "No live session" in str(refused("show", "nosuchid"))
    assert "No live session" in str(refused("show", "../../etc"))
    assert run_json("show", first[:9])["id"] == second[:8]


def test_showing_a_session_does_not_keep_it_alive(ada: User) -> None:
    session_id = visit(ada)
    before = logins.live()
    clock.shift(3600)
    run("show", session_id[:8], "--values")
    assert logins.live() == before


# revoke


def test_a_session_is_revoked_by_its_short_id(ada: User) -> None:
    gone, stays = visit(ada), visit(ada)
    text = run("revoke", gone[:8], "--no-input")
    assert "1 session revoked" in text and gone not in text
    assert (lives(gone), lives(stays)) == (False, True)


def test_nothing_is_revoked_when_one_of_the_ids_is_wrong(ada: User) -> None:
    session_id = visit(ada)
    refused("revoke", session_id[:8], "nosuchid", "--no-input")
    assert lives(session_id)


def test_all_sessions_of_a_user_but_one(ada: User, bob: User) -> None:
    hers, kept, his = [visit(ada) for _ in range(3)], visit(ada), visit(bob)
    found = run_json("revoke", "--user", "ada", "--except", kept[:8], "--no-input")
    assert found == {"revoked": 3, "found": 3, "dry_run": False}
    assert [lives(one) for one in (*hers, kept, his)] == [False] * 3 + [True] * 2


def test_the_exception_must_be_the_users_own(ada: User, bob: User) -> None:
    hers, his = visit(ada), visit(bob)
    assert "not a session of" in str(refused("revoke", "--user", "ada", "--except", his[:8]))
    assert lives(hers)


def test_everybody_is_signed_out(ada: User, bob: User) -> None:
    ids = [visit(ada), visit(bob), visit()]
    assert "3 sessions revoked" in run("revoke", "--all", "--no-input")
    assert not any(map(lives, ids))


def test_a_dry_run_says_what_would_go_and_ends_nothing(ada: User) -> None:
    session_id = visit(ada)
    text = run("revoke", "--user", "ada", "--dry-run")
    assert session_id[:8] in text and "1 session would be revoked" in text
    assert lives(session_id)


def test_it_asks_and_takes_no_for_an_answer(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = visit(ada)
    for text in ("n\n", "\n", ""):
        answer(monkeypatch, text)
        assert "revoked" in str(refused("revoke", session_id[:8]))
        assert lives(session_id)
    answer(monkeypatch, "y\n")
    run("revoke", session_id[:8])
    assert not lives(session_id)


@pytest.mark.parametrize(
    "args",
    [
        ("revoke",),
        ("revoke", "--all", "--user", "ada"),
        ("revoke", "abcdefgh", "--all"),
        ("revoke", "--all", "--except", "abcdefgh"),
        ("revoke", "--all", "--json"),
        ("list", "--limit", "0"),
        ("list", "--user", "ada", "--anonymous"),
    ],
)
def test_arguments_that_do_not_go_together(args: tuple[str, ...], ada: User) -> None:
    session_id = visit(ada)
    refused(*args)
    assert lives(session_id)


# purge and stats


def test_purge_removes_what_has_expired_and_nothing_else(ada: User) -> None:
    for _ in range(5):
        visit(ada)
    clock.shift(365 * 24 * 3600)
    fresh = visit(ada)
    # A store with a clock of its own may have removed them already.
    assert run_json("purge", "--batch", "2")["purged"] in (0, 5)
    assert lives(fresh)
    assert "Removed 0 expired records" in run("purge")


def test_djangos_clearsessions_purges_too(ada: User) -> None:
    visit(ada)
    clock.shift(365 * 24 * 3600)
    call_command("clearsessions")
    assert get_backend().purge() == 0


def test_stats_count_every_kind(ada: User, bob: User) -> None:
    ids = [visit(ada, note="x" * 1000), visit(ada), visit(bob), visit()]
    state = UserState(ada.pk)
    state["theme"] = "dark"
    state.save()
    tab = TabState(ids[0], "hash")
    tab["step"] = 1
    tab.save()
    found = run_json("stats")
    session = found["session"]
    assert (session["records"], session["signed_in"], session["anonymous"]) == (4, 3, 1)
    assert session["users"] == 2
    assert session["bytes"] == sum(login.size for login in logins.each())
    assert session["largest"] > 1000
    assert session["oldest"] <= session["newest"]
    assert (found["user"]["records"], found["tab"]["records"]) == (1, 1)
    assert found["backend"] in run("stats")


def test_stats_of_an_empty_store(backend: Backend) -> None:
    assert run_json("stats")["session"]["oldest"] is None
    assert "0 sessions" in run("stats")


def test_a_store_that_is_down_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    url = f"postgres://nobody@127.0.0.1:{free_port()}/none"
    done = manage("sessions", "stats", env=project_env(tmp_path, DATABASE_URL=url))
    assert done.returncode == 3, done.stderr
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr
