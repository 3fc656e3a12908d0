"""Public apps: people without an account, each with a session of their own."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import RequestFactory
from gradio_client import Client, handle_file
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from accounts import visitors
from accounts.identity import Identity
from gradio_ui import testing
from gradio_ui.ownership import Owner
from gradio_ui.testing import CallFailed, NotAllowed, Site
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
        self.functions: dict[str, int] = {}

    def page(self, slug: str = "open") -> httpx.Response:
        headers = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
        return self.get(f"/gradio/{slug}/", headers=headers)

    def know_functions(self) -> None:
        config = self.get("/gradio/open/config").json()
        self.functions = {d["api_name"]: d["id"] for d in config["dependencies"]}

    def join(self, page: str, name: str, *data: Any) -> httpx.Response:
        if not self.functions:
            self.know_functions()
        body = {"data": data, "fn_index": self.functions[name], "session_hash": page}
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


def test_an_old_token_opens_nothing_of_the_person(gradio_site: Site, tmp_path: Path) -> None:
    visitor = gradio_site.visit()
    for name in ("before", "after"):
        (tmp_path / name).write_text(name)
    visitor.open("open").call("take", handle_file(tmp_path / "before"))
    ada = visitor.sign_in("ada")
    ada.open("open").call("take", handle_file(tmp_path / "after"))
    path = Path(ada.session["file"])
    users, name = path.parents[3], visitors.name_of(visitor.session_id)
    for place in (path, users / name / path.relative_to(users / str(ada.user.pk))):
        address = f"{gradio_site.url}/gradio/open/gradio_api/file={place}"
        assert httpx.get(address, headers=ada.headers).text == "after"
        assert httpx.get(address, headers=visitor.headers).status_code == 401
    with pytest.raises(NotAllowed) as refused:
        visitor.open("open")
    assert refused.value.status == 401


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


def test_a_visitor_is_the_user_that_a_function_asks_for(gradio_site: Site) -> None:
    visitor = gradio_site.visit()
    page = visitor.open("open")
    assert page.call("whose", "bag") == "bag of a visitor"
    assert page.call("whose_if_any", "bag") == "bag of None"
    with pytest.raises(CallFailed, match="Sign in to do this"):
        page.call("mine", "bag")
    page = visitor.sign_in("ada").open("open")
    assert [page.call(name, "bag") for name in ("whose", "mine")] == ["bag of ada"] * 2


# Browsers and programs --------------------------------------------------------------------


def test_who_only_looks_leaves_nothing_behind(gradio_site: Site) -> None:
    with Browser(gradio_site) as browser:
        first = browser.page()
        assert first.status_code == 200
        assert "session" in browser.cookies
        assert browser.get("/gradio/open/config").status_code == 200
        # A page of the site has no session for who has none, and does not forget the ticket.
        assert "Open house" in browser.get("/").text
        assert "session" in browser.cookies
        assert logins.live() == []
        ticket = browser.cookies["session"]
        assert browser.join("a-page-7", "visit").status_code == 200
        (login,) = logins.live()
        assert login.user == ""
        # From now on the ticket of a session that has begun.
        assert browser.cookies["session"] != ticket
        assert Session(login.id).user_id == ""
        assert browser.page().status_code == 200
        assert len(logins.live()) == 1


def test_the_first_requests_of_a_page_have_one_session(gradio_site: Site) -> None:
    with Browser(gradio_site) as browser:
        browser.page()
        ticket = {"session": browser.cookies["session"]}

        def join(number: int) -> int:
            with Browser(gradio_site) as tab:
                tab.cookies.update(ticket)
                return tab.join("the-page", "visit").status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(join, range(8))) == {200}
    assert len(logins.live()) == 1


def test_a_session_that_has_ended_makes_room_for_another(gradio_site: Site) -> None:
    with Browser(gradio_site) as browser:
        browser.page()
        browser.join("a-page-9", "visit")
        logins.revoke(logins.live()[0].id)
        assert browser.join("a-page-9", "visit").status_code == 401
        assert browser.page().status_code == 200
        assert browser.join("b-page-9", "visit").status_code == 200
    assert len(logins.live()) == 1


def test_a_page_of_another_site_cannot_use_a_visitors_session(gradio_site: Site) -> None:
    with Browser(gradio_site) as browser:
        browser.page()
        browser.headers["Origin"] = "https://evil.example"
        assert browser.join("a-page-10", "visit").status_code == 403
        del browser.headers["Origin"]
        assert browser.join("a-page-10", "visit").status_code == 403
        foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
        answer = httpx.get(f"{gradio_site.url}/gradio/open/", headers=foreign)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_one_visitor_has_nothing_of_anothers(gradio_site: Site) -> None:
    api = "/gradio/open/gradio_api"
    with Browser(gradio_site) as alice, Browser(gradio_site) as mallory:
        alice.page()
        event = alice.join("alices-page", "count_up", 50).json()["event_id"]
        mallory.page()
        mallory.join("a-page-11", "visit")
        assert mallory.join("alices-page", "keep", "x", None).status_code == 403
        stream = f"{api}/queue/data?session_hash=alices-page"
        assert mallory.get(stream).status_code == 403
        assert mallory.get(f"{api}/heartbeat/alices-page").status_code == 403
        cancel = {"session_hash": "alices-page", "fn_index": 0, "event_id": event}
        assert mallory.post(f"{api}/cancel", json=cancel).status_code == 403
        assert mallory.get(f"{api}/call/count_up/{event}").status_code == 403
        assert alice.get(stream).text.count("process_generating") > 10
        for address in ("/gradio/house/config", "/api/session/data", "/api/auth/me"):
            assert mallory.get(address).status_code == 401
        assert mallory.page("house").headers["location"].startswith("/accounts/login/")


def test_a_program_asks_for_a_token(gradio_site: Site) -> None:
    url = f"{gradio_site.url}/gradio/open/"
    refused = httpx.get(f"{url}config")
    assert refused.status_code == 401
    assert "POST /api/auth/visit" in refused.json()["detail"]
    answer = httpx.post(f"{gradio_site.url}/api/auth/visit")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    headers = {"Authorization": f"Bearer {answer.json()['access']}"}
    assert logins.live() == []
    client = Client(url, headers=headers, verbose=False)
    assert client.predict(api_name="/visit") == [1, 1, 1]
    assert client.predict(api_name="/visit") == [2, 2, 2]
    assert len(logins.live()) == 1
    # Over HTTP alone, too; a stranger who has seen the address of a result does not get it.
    call = httpx.post(f"{url}gradio_api/call/recall", json={"data": ["x"]}, headers=headers)
    result = f"{url}gradio_api/call/recall/{call.json()['event_id']}"
    assert httpx.get(result).status_code == 401
    assert "complete" in httpx.get(result, headers=headers).text


def test_tools_want_a_token(gradio_site: Site) -> None:
    url = f"{gradio_site.url}/gradio/open/gradio_api/mcp/"
    accept = {"Accept": "application/json, text/event-stream"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert httpx.post(url, json=body, headers=accept).status_code == 401
    visitor = gradio_site.visit()
    answer = httpx.post(url, json=body, headers=accept | visitor.headers)
    assert answer.status_code == 200
    assert "remember" in answer.text and "members_only" not in answer.text


def test_visitors_are_shown_what_is_open(gradio_site: Site) -> None:
    with Browser(gradio_site) as browser:
        page = browser.get("/")
        assert "/gradio/open/" in page.text and "/gradio/house/" not in page.text
        assert "/accounts/login/" in page.text
        assert browser.get("/gradio/").headers["location"] == "/gradio/open/"
        assert [app["slug"] for app in browser.get("/api/apps").json()] == ["open"]
        wrong = {"Authorization": "Bearer x"}
        assert browser.get("/api/apps", headers=wrong).status_code == 401
        key = {"Authorization": f"Bearer gsk_00000000_{'x' * 43}"}
        assert browser.get("/api/apps", headers=key).status_code == 401
    ada = gradio_site.sign_in("ada")
    slugs = [
        app["slug"] for app in httpx.get(f"{gradio_site.url}/api/apps", headers=ada.headers).json()
    ]
    assert {"open", "house"} <= set(slugs)


def test_signing_in_at_the_page_keeps_the_visit(gradio_site: Site) -> None:
    user = User.objects.create_user("ada", password="correct horse")
    with Browser(gradio_site) as browser:
        browser.page()
        assert browser.join("a-page-15", "remember", "color", "blue").status_code == 200
        stream = browser.get("/gradio/open/gradio_api/queue/data?session_hash=a-page-15").text
        assert '"success":true' in stream
        before = logins.live()[0]
        form = browser.get("/accounts/login/?next=/gradio/open/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)
        assert token
        data = {"login": "ada", "password": "correct horse", "csrfmiddlewaretoken": token[1]}
        done = browser.post("/accounts/login/?next=/gradio/open/", data=data)
        assert done.headers["location"] == "/gradio/open/"
        (login,) = logins.live()
        assert (login.user, login.id != before.id) == (str(user.pk), True)
        assert Session(login.id)["color"] == "blue"
        # A person's idle limit, not a visitor's.
        assert (login.expires - login.used).total_seconds() < 13 * 3600
        assert browser.join("a-page-15", "recall", "color").status_code == 200


@pytest.mark.parametrize("has_begun", [True, False])
def test_what_a_page_sent_before_the_sign_in_begins_no_other_visit(
    gradio_site: Site, second_gradio_site: Site, has_begun: bool
) -> None:
    User.objects.create_user("ada", password="correct horse")
    page = f"page-16-{has_begun}"
    with Browser(gradio_site) as browser, Browser(second_gradio_site) as late:
        browser.page()
        late.cookies.update(browser.cookies)
        late.know_functions()
        if has_begun:
            browser.join(page, "visit")
        body = {"username": "ada", "password": "correct horse"}
        assert browser.post("/api/auth/login", json=body).status_code == 200
        answer = late.join(page, "visit")
        assert answer.status_code == 401, answer.text
        headers = {"Origin": late.headers["Origin"]}
        cookies = "; ".join(f"{name}={value}" for name, value in late.cookies.items())
        with (
            pytest.raises(InvalidStatus, match="403"),
            connect(
                f"{second_gradio_site.url.replace('http', 'ws')}/ws/session/",
                additional_headers=headers | {"Cookie": cookies},
            ),
        ):
            pass
        (login,) = logins.live()
        assert login.user
        # A page may be opened with it, and has a ticket of its own.
        assert late.page().status_code == 200
        assert late.join(f"b-{page}", "visit").status_code == 200


def test_another_users_session_is_flushed(gradio_site: Site) -> None:
    ada = gradio_site.sign_in("ada")
    ada.open("open").call("remember", "color", "blue")
    bob = ada.sign_in("bob")
    assert bob.open("open").call("recall", "color") == ["", ""]
    assert [login.user for login in logins.live()] == [str(bob.user.pk)]


# Limits -----------------------------------------------------------------------------------


def test_only_so_many_visits_begin_from_one_address(transactional_db: None, settings: Any) -> None:
    settings.ACCOUNTS_VISITS = "3/h/ip"

    def begin(ip: str, token: str) -> Identity:
        request = RequestFactory(REMOTE_ADDR=ip).post("/", HTTP_AUTHORIZATION=f"Bearer {token}")
        return async_to_sync(visitors.avisit)(request, invite=False, begin=True)

    tokens = [visitors.token() for _ in range(4)]
    for token in tokens[:3]:
        assert begin("192.0.2.1", token).session.info
    with pytest.raises(visitors.TooManyVisitors):
        begin("192.0.2.1", tokens[3])
    # Those that have begun go on, and somebody else's address is another.
    assert begin("192.0.2.1", tokens[0]).session.info
    assert begin("192.0.2.2", tokens[3]).session.info
    assert len(logins.live()) == 4


def test_a_visit_ends_without_use(transactional_db: None, settings: Any) -> None:
    settings.ACCOUNTS_VISITOR_AGE = 600
    request = RequestFactory().post("/", HTTP_AUTHORIZATION=f"Bearer {visitors.token()}")
    found = async_to_sync(visitors.avisit)(request, invite=False, begin=True)
    info = found.session.info
    assert info and info.expires - info.used == pytest.approx(600)


def test_a_visitor_may_have_less_than_a_user(settings: Any) -> None:
    settings.GRADIO_UI_MAX_VISITOR_PAGES = 2
    settings.GRADIO_UI_MAX_PAGES = 5
    assert Owner("s", "visitor-1", is_visitor=True).allowance.pages == 2
    assert Owner("s", "1").allowance.pages == 5
