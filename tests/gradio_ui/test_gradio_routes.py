"""`manage.py gradio_routes`."""

import json
from pathlib import Path

from tests.servers import manage, project_env


def test_the_command_says_who_may_use_what(tmp_path: Path) -> None:
    extra = "tests.gradio_ui.guarded,tests.gradio_ui.unbuildable"
    env = project_env(tmp_path, EXTRA_APPS=extra)
    done = manage("gradio_routes", "--json", env=env)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout[done.stdout.index("{\n") :])
    apps = {app["app"]: app for app in found["apps"]}
    assert apps["guarded"]["who"] == "signed in"
    assert apps["guarded-app"]["who"] == apps["dashboard"]["who"] == "group analysts"
    assert apps["sessions"]["who"] == "staff"

    events = {event["api_name"]: event for event in apps["guarded"]["events"]}
    assert events["what_ran"]["who"] == "signed in"
    assert events["plain"]["who"] == "groups editors or analysts"
    assert events["both"]["who"] == "group analysts and staff"
    assert events["permitted"]["who"] == "permission auth.view_group"
    assert {event["who"] for event in apps["guarded-app"]["events"]} == {"group analysts"}

    def who(app: str, path: str) -> str:
        return next(r["who"] for r in apps[app]["routes"] if r["path"] == path)

    assert who("guarded-app", "/") == who("guarded-app", "/config/?") == "group analysts"
    assert who("guarded-app", "/more/?") == "group analysts"
    assert not any("more" in route["path"] for route in apps["guarded"]["routes"])
    assert who("guarded", "/(static|assets)/.+") == "everybody"
    assert who("guarded", "/logout/?") == "nobody"
    mcp = "/gradio_api/mcp(/http)?/?"
    assert (who("tools", mcp), who("guarded", mcp)) == ("signed in", "nobody")
    # An app that failed has a line, and no event.
    assert apps["broken"]["events"] == []
    assert any("a secret of the build" in line for line in found["failures"])


def test_for_people_it_is_a_list(tmp_path: Path) -> None:
    done = manage("gradio_routes", "account", env=project_env(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "/gradio/account/  signed in" in done.stdout
    assert "/gradio/dashboard/" not in done.stdout
    assert "event 0" in done.stdout and "POST       /gradio_api/queue/join" in done.stdout
