"""`gradio_ui.testing`, as the author of an app uses it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from gradio_ui.testing import CallFailed, NotAllowed, Site, running_site
from tests.servers import BASE_DIR


def test_a_login_holds_at_every_process_and_its_session_is_in_sight(
    gradio_site: Site, second_gradio_site: Site
) -> None:
    ada = gradio_site.sign_in("ada")
    assert ada.open("probe").call("remember", "color", "blue") == "blue"
    assert ada.session["color"] == "blue"
    there = ada.on(second_gradio_site).open("probe")
    assert there.call("recall", key="color") == "blue"
    assert there.call("process") != ada.open("probe").call("process")
    assert gradio_site.sign_in("bob").open("probe").call("recall", "color") == ""


def test_what_a_test_puts_into_the_session_the_app_finds(gradio_site: Site) -> None:
    ada = gradio_site.sign_in("ada")
    session = ada.session
    session["color"] = "green"
    session.save()
    assert ada.open("probe").call("recall", "color") == "green"


def test_each_page_is_a_tab_and_the_users_state_is_one(gradio_site: Site) -> None:
    ada = gradio_site.sign_in("ada")
    first, second = ada.open("kit"), ada.open("kit")
    assert [first.call("visit"), first.call("visit"), second.call("visit")] == [
        ("1", "1"),
        ("2", "2"),
        ("1", "3"),
    ]
    assert (first.tab["visits"], second.tab["visits"], ada.state["visits"]) == (2, 1, 3)


def test_a_generator_shows_all_its_steps(gradio_site: Site) -> None:
    assert gradio_site.sign_in("ada").open("probe").stream("count_up", 3) == [1, 2, 3]


def test_groups_permissions_and_flags_are_what_the_test_says(gradio_site: Site) -> None:
    ada = gradio_site.sign_in("ada", groups=["analysts"], permissions=["auth.view_user"])
    assert ada.user.has_perm("auth.view_user")
    ada.open("kit-analysts")
    with pytest.raises(NotAllowed) as refused:
        gradio_site.sign_in("ada").open("kit-analysts")
    assert refused.value.status == 403
    with pytest.raises(NotAllowed) as refused:
        ada.open("no-such-app")
    assert refused.value.status == 404
    boss = gradio_site.sign_in("boss", superuser=True)
    assert boss.user.is_staff
    assert boss.open("kit").call("staff_only") == "for staff"
    with pytest.raises(NotAllowed, match="staff") as refused:
        ada.open("kit").call("staff_only")
    assert refused.value.status == 403


def test_an_error_for_people_is_told_and_any_other_is_in_the_log(gradio_site: Site) -> None:
    page = gradio_site.sign_in("ada").open("kit")
    with pytest.raises(CallFailed, match="Not on a Sunday"):
        page.call("refuse")
    with pytest.raises(CallFailed) as failed:
        page.call("break_down")
    assert "postgres://" not in str(failed.value)
    assert "postgres://secret" in gradio_site.log


def test_every_test_starts_with_nobody(gradio_site: Site) -> None:
    assert gradio_site.sign_in("ada").session.get("color") is None
    assert type(gradio_site.sign_in("bob").user).objects.count() == 2


def test_storage_that_another_process_cannot_see_is_refused(
    transactional_db: None, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(connection, "is_in_memory_db", lambda: True)
        with pytest.raises(ImproperlyConfigured, match="is in memory"), running_site():
            pass
    settings.SESSIONSTATE_BACKEND = "memory"  # type: ignore[attr-defined]
    with pytest.raises(ImproperlyConfigured, match="one process only"), running_site():
        pass


def test_a_site_that_does_not_start_says_why(django_db_setup: None) -> None:
    env = {"DATABASE_URL": "nonsense://"}
    with pytest.raises(RuntimeError, match=r"(?s)did not start.*Traceback"), running_site(env):
        pass


def test_the_kit_works_in_another_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(Path(__file__).parent / "other_project", project)
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=project,
        # As if our packages were installed, and nothing else of this project.
        env=env | {"PYTHONPATH": f"{project}{os.pathsep}{BASE_DIR}"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
