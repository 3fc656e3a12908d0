"""Every route that Gradio has, for those whom ada's things do not belong to."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gradio_ui import routes
from gradio_ui.routes import Access
from tests.attacks.conftest import Target
from tests.attacks.on_sessions import played
from tests.attacks.people import API, Person, Victim


@pytest.fixture(scope="module")
def victim(ours: Target) -> Iterator[Victim]:
    victim = Victim(ours.ada)
    yield victim
    victim.leave()


@pytest.fixture(scope="module")
def hers(victim: Victim) -> dict[str, str]:
    """What ada has, by the names that Gradio gives to it."""
    victim.tab.start("play", victim.secret)
    sound = played(victim)[-1]["output"]["data"][0]["path"].split("/")
    link = victim.person.get(f"{API}/deep_link", params={"session_hash": victim.hash}).json()
    return {
        "session_hash": victim.hash,
        "run": sound[1],
        "component_id": sound[2],
        "segment_id": "0",
        "ext": "aac",
        "event_id": victim.event,
        "upload_id": "an-upload",
        "deep_link": link,
        "api_name": "show",
        "path_or_url": victim.path,
        "path": victim.path.lstrip("/"),
        "url_path": "http://127.0.0.1:1/",
        "environment": "client",
        "size": "192",
        "key": "key",
    }


def filled(path: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda match: values.get(match[1], "x"), path)


def request(person: Person, method: str, path: str, values: dict[str, str]) -> tuple[int, str]:
    """Status and, up to a limit, the text of the answer."""
    more: dict[str, Any] = {"params": {"session_hash": values["session_hash"]}}
    if method == "POST":
        body = {"data": [None], "fn_index": 1, "fn_name": "whisper", **values}
        more = {"json": body | {"component_id": 1}}
    elif path.endswith("upload_progress"):
        more = {"params": {"upload_id": values["upload_id"]}}
    text = ""
    with person.client.stream(method, path, timeout=6, **more) as answer:
        try:
            for chunk in answer.iter_text():
                text += chunk
                if len(text) > 500_000:
                    break
        except httpx.ReadTimeout:
            pass
    return answer.status_code, text


def test_nobody_reaches_a_route_that_is_not_public(
    ours: Target,
    victim: Victim,
    hers: dict[str, str],
    table: list[tuple[str, str]],
    subtests: pytest.Subtests,
) -> None:
    for method, template in table:
        path = filled(template, hers)
        with subtests.test(f"{method} {template}"):
            route = routes.find(path)
            status, text = request(ours.nobody, method, path, hers)
            assert victim.secret not in text
            if route is None or route.access is Access.REFUSED:
                assert status == 404
            elif route.access is Access.PUBLIC:
                assert status in (200, 404)
            else:
                assert status == 401
    victim.look()


def test_another_user_reaches_nothing_of_hers(
    ours: Target,
    victim: Victim,
    hers: dict[str, str],
    table: list[tuple[str, str]],
    subtests: pytest.Subtests,
) -> None:
    for method, template in table:
        path = filled(template, hers)
        with subtests.test(f"{method} {template}"):
            status, text = request(ours.bob, method, path, hers)
            assert victim.secret not in text
            assert status < 500
            # What names something of hers, and whatever changes anything.
            if method == "POST" or path != template or "queue/data" in path:
                assert status in (400, 401, 403, 404, 405, 422) or Access.PUBLIC is access(path), (
                    text
                )
    victim.look()


def access(path: str) -> Access | None:
    route = routes.find(path)
    return route.access if route else None
