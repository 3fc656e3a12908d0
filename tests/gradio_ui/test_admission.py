"""What a passage through the gate does to the login: use keeps it alive, polling does not."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest

from gradio_ui import gate, routes
from gradio_ui.gate import Admission
from gradio_ui.refusals import LoginNeeded
from sessionstate import clock
from sessionstate.engine import SessionStore
from sessionstate.tickets import get_scheme

pytestmark = pytest.mark.django_db
IDLE = 1000

Pass = Callable[[str], Admission]


@pytest.fixture
def user() -> User:
    return User.objects.create(username="ada")


@pytest.fixture
def passes(user: User, settings: Any) -> Iterator[Pass]:
    """Send ada's cookie through the gate for a path below an app."""
    settings.SESSION_COOKIE_AGE = IDLE
    settings.SESSIONSTATE_THREADS = 0  # this thread, whose transaction has the user
    request = HttpRequest()
    request.session = SessionStore()
    login(request, user, settings.AUTHENTICATION_BACKENDS[0])
    request.session.save()
    given = get_scheme().cookie(request.session)  # type: ignore[arg-type]
    assert given
    kept = f"{given['key']}={given['value']}"

    def send(path: str) -> Admission:
        nonlocal kept
        route = routes.find(path)
        assert route
        scope = {
            "type": "http",
            "method": next(iter(route.methods & {"GET", "POST"})),
            "path": f"/gradio/app{path}",
            "query_string": b"",
            "scheme": "http",
            "headers": [
                (b"host", b"localhost"),
                (b"origin", b"http://localhost"),
                (b"cookie", kept.encode()),
            ],
        }
        admission = async_to_sync(gate.admit)(gate.parse(scope), None, route)
        if admission.cookies:  # as a browser does
            kept = admission.cookies[0].partition(";")[0]
        return admission

    yield send
    clock.reset()


POLLS = ["/gradio_api/heartbeat/x", "/gradio_api/queue/data", "/gradio_api/queue/status"]
USES = ["/", "/config", "/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/run/x"]


@pytest.mark.parametrize("path", USES)
def test_use_keeps_a_login_alive(passes: Pass, path: str) -> None:
    for _ in range(3):
        clock.shift(IDLE * 0.6)
        passes(path)


@pytest.mark.parametrize("path", POLLS)
def test_open_pages_do_not_keep_a_login_alive(passes: Pass, path: str) -> None:
    clock.shift(IDLE * 0.6)
    assert passes(path).cookies == []
    clock.shift(IDLE * 0.6)
    with pytest.raises(LoginNeeded) as error:
        passes(path)
    assert error.value.problem.status == 401


def test_the_cookie_is_renewed_when_part_of_its_life_has_passed(passes: Pass) -> None:
    assert passes("/config").cookies == []
    clock.shift(IDLE * 0.5)
    (cookie,) = passes("/config").cookies
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and f"Max-Age={IDLE}" in cookie


def test_a_disabled_user_is_out_at_once(passes: Pass, user: User) -> None:
    passes("/config")
    user.is_active = False
    user.save()
    with pytest.raises(LoginNeeded):
        passes("/config")


def test_a_new_password_ends_it_at_once(passes: Pass, user: User) -> None:
    passes("/gradio_api/heartbeat/x")
    user.set_password("another one")
    user.save()
    with pytest.raises(LoginNeeded):
        passes("/gradio_api/heartbeat/x")


def test_the_log_gets_a_short_id_only(passes: Pass) -> None:
    admission = passes("/config")
    assert admission.log == {
        "user_id": admission.user.pk,
        "session": admission.session_id[:8],
    }
