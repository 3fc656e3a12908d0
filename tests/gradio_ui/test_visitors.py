"""Public apps: people without an account, each with a session of their own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import handle_file

from gradio_ui import testing
from gradio_ui.testing import NotAllowed, Site
from sessionstate import Session, UserState, logins
from sessionstate.errors import SessionGone

ENV = {"EXTRA_APPS": "tests.gradio_ui.open_house", "DEMO_USERS": "0", "ACCOUNTS_VISITS": "500/h/ip"}


@pytest.fixture(scope="module")
def gradio_process(django_db_setup: None) -> Iterator[Site]:
    with testing.running_site(ENV) as site:
        yield site


@pytest.fixture(scope="module")
def second_gradio_process(django_db_setup: None) -> Iterator[Site]:
    with testing.running_site(ENV) as site:
        yield site


class Browser(httpx.Client):
    """As a page of the site sends its requests."""

    def __init__(self, site: Site) -> None:
        super().__init__(base_url=site.url, timeout=30, headers={"Origin": site.url})

    def page(self, slug: str = "open") -> httpx.Response:
        headers = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
        return self.get(f"/gradio/{slug}/", headers=headers)

    def join(self, page: str, name: str, *data: Any) -> httpx.Response:
        config = self.get("/gradio/open/config").json()
        (number,) = [d["id"] for d in config["dependencies"] if d["api_name"] == name]
        body = {"data": data, "fn_index": number, "session_hash": page}
        return self.post("/gradio/open/gradio_api/queue/join", json=body)


def test_a_visitors_state_lasts_and_nobody_else_has_it(
    gradio_site: Site, second_gradio_site: Site
) -> None:
    one, other = gradio_site.visit(), gradio_site.visit()
    page = one.open("open")
    assert page.call("visit") == [1, 1, 1]
    assert page.call("visit") == [2, 2, 2]
    assert one.open("open").call("visit") == [3, 1, 3]
    assert one.on(second_gradio_site).open("open").call("visit") == [4, 1, 4]
    assert (one.session["visits"], one.state["visits"], page.tab["visits"]) == (4, 4, 2)
    assert other.open("open").call("visit") == [1, 1, 1]
    assert page.call("who") == ["", ""]


def test_signing_in_changes_the_id_and_keeps_what_is_there(gradio_site: Site) -> None:
    visitor = gradio_site.visit()
    visitor.open("open").call("remember", "color", "blue")
    ada = visitor.sign_in("ada")
    assert ada.session_id != visitor.session_id
    assert ada.open("open").call("recall", "color") == ["blue", "blue"]
    assert ada.open("open").call("who") == ["ada", str(ada.user.pk)]
    assert UserState(ada.user.pk)["color"] == "blue"
    with pytest.raises(SessionGone):
        visitor.session.load()
    assert dict(visitor.state) == {}
    with pytest.raises(SessionGone):
        Session(visitor.session_id).load()


def test_what_a_person_has_already_a_visitor_does_not_change(gradio_site: Site) -> None:
    gradio_site.sign_in("ada").open("open").call("remember", "color", "red")
    visitor = gradio_site.visit()
    visitor.open("open").call("remember", "color", "blue")
    ada = visitor.sign_in("ada")
    assert (ada.session["color"], ada.state["color"]) == ("blue", "red")


def test_files_become_the_persons_own(gradio_site: Site, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("from before")
    visitor, other = gradio_site.visit(), gradio_site.visit()
    assert visitor.open("open").call("take", handle_file(file)) == "from before"
    path = visitor.session["file"]
    assert visitor.session_id not in path
    address = f"{gradio_site.url}/gradio/open/gradio_api/file={path}"
    assert httpx.get(address, headers=visitor.headers).text == "from before"
    assert httpx.get(address, headers=other.headers).status_code == 403
    ada, bob = visitor.sign_in("ada"), gradio_site.sign_in("bob")
    # The old address too: pages and the session know it by that.
    assert httpx.get(address, headers=ada.headers).text == "from before"
    assert Path(ada.open("open").call("give")).read_text() == "from before"
    for stranger in (bob, other, gradio_site.visit()):
        assert httpx.get(address, headers=stranger.headers).status_code == 403
    assert Path(path).resolve().parts[-4:-2] == (str(ada.user.pk), "open")


def test_files_go_with_the_session(gradio_site: Site, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("short-lived")
    visitor = gradio_site.visit()
    visitor.open("open").call("take", handle_file(tmp_path / "notes.txt"))
    path = Path(visitor.session["file"])
    assert path.exists()
    logins.revoke(visitor.session_id)
    assert not path.exists()


def test_what_is_not_for_visitors_is_refused(gradio_site: Site) -> None:
    visitor = gradio_site.visit()
    with pytest.raises(NotAllowed) as refused:
        visitor.open("house")
    assert refused.value.status == 401
    with pytest.raises(NotAllowed, match="group members"):
        visitor.open("open").call("members_only")
    member = visitor.sign_in("ada", groups=["members"])
    assert member.open("open").call("members_only") == "welcome back"
