"""When state is read and written around a callback, on a real server."""

import time
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from gradio_client.utils import Status

from tests.gradio_ui.conftest import connect, tab
from tests.servers import Site, wait_for


def show(client: Client, key: str) -> Any:
    return client.predict(key, api_name="/show")[0]


def test_a_request_has_the_session_and_what_is_written_there_is_kept(matrix_site: Site) -> None:
    client = connect(matrix_site, "steps", "ada")
    assert client.predict(api_name="/by_request") == ["ada", 1]
    assert client.predict(api_name="/by_request") == ["ada", 2]


@pytest.mark.parametrize("name", ["/deep_inside", "/deep_inside_async"])
def test_code_deep_inside_finds_the_session(matrix_site: Site, name: str) -> None:
    client = connect(matrix_site, "steps", "ada")
    assert client.predict(api_name=name) == 1
    assert client.predict(api_name=name) == 2


def test_a_step_that_raises_saves_nothing_and_tells_nothing(matrix_site: Site) -> None:
    client = connect(matrix_site, "steps", "ada")
    with pytest.raises(AppError) as error:
        client.predict("x", api_name="/fail")
    assert "secret" not in str(error.value)
    assert show(client, "failed") is None


def test_steps_before_the_one_that_raises_stay_saved(matrix_site: Site) -> None:
    client = connect(matrix_site, "steps", "ada")
    with pytest.raises(AppError):
        client.predict("x", api_name="/fail_later")
    assert show(client, "reached") == "first"


def test_a_cancelled_generator_keeps_its_steps_and_what_its_finally_writes(
    matrix_site: Site,
) -> None:
    client = connect(matrix_site, "steps", "ada")
    job = client.submit("by hand", api_name="/long_run")
    wait_for(lambda: len(job.outputs()) > 2)
    job.cancel()
    wait_for(lambda: show(client, "ended") == "by hand")
    assert show(client, "number") >= 3


@pytest.mark.parametrize("name", ["slow", "slow_async"])
def test_a_cancelled_function_saves_nothing(matrix_site: Site, name: str) -> None:
    client = connect(matrix_site, "steps", "ada")
    job = client.submit("x", api_name=f"/{name}")
    wait_for(lambda: job.status().code is Status.PROCESSING)
    job.cancel()
    # It may go on in its thread; there is nobody who waits for it.
    time.sleep(1.5)
    assert show(client, name) is None


def test_state_is_read_when_a_function_starts_and_not_when_it_was_queued(
    matrix_site: Site,
) -> None:
    client = connect(matrix_site, "steps", "ada")
    first = client.submit("first", api_name="/in_turn")
    wait_for(lambda: first.status().code is Status.PROCESSING)
    second = client.submit("second", api_name="/in_turn")
    assert [job.result(timeout=30) for job in (first, second)] == ["first", "first second"]


def test_a_stream_that_reaches_its_time_limit_keeps_its_steps_and_what_its_finally_writes(
    matrix_site: Site,
) -> None:
    headers = matrix_site.sign_in("ada")
    client = tab(matrix_site, "steps", headers)
    api = f"{matrix_site.url}/gradio/steps/gradio_api"
    config = httpx.get(f"{matrix_site.url}/gradio/steps/config", headers=headers).json()
    fn = next(d["id"] for d in config["dependencies"] if d["api_name"] == "each_chunk")
    body = {"data": ["over"], "fn_index": fn, "session_hash": "chunks"}
    event = httpx.post(f"{api}/queue/join", json=body, headers=headers).json()["event_id"]
    steps = 0
    url = f"{api}/queue/data?session_hash=chunks"
    with httpx.stream("GET", url, headers=headers, timeout=30) as stream:
        for line in stream.iter_lines():
            if "process_streaming" in line:
                steps += 1
                more = body | {"event_id": event}
                httpx.post(f"{api}/stream/{event}", json=more, headers=headers)
    wait_for(lambda: show(client, "chunks_ended") == "over")
    assert show(client, "chunk") >= max(steps, 2)


def test_a_client_that_leaves_ends_its_generator_with_everything_saved(matrix_site: Site) -> None:
    headers = matrix_site.sign_in("ada")
    url = f"{matrix_site.url}/gradio/steps"
    config = httpx.get(f"{url}/config", headers=headers).json()
    fn = next(d["id"] for d in config["dependencies"] if d["api_name"] == "long_run")
    body = {"data": ["left"], "fn_index": fn, "session_hash": "leaves"}
    httpx.post(f"{url}/gradio_api/queue/join", json=body, headers=headers).raise_for_status()
    stream = httpx.stream(
        "GET", f"{url}/gradio_api/queue/data?session_hash=leaves", headers=headers
    )
    with stream as response:
        lines = (line for line in response.iter_lines() if "process_generating" in line)
        for _ in range(3):
            next(lines)
    client = tab(matrix_site, "steps", headers)
    wait_for(lambda: show(client, "ended") == "left")
    number = show(client, "number")
    time.sleep(0.3)
    assert show(client, "number") == number >= 3


def test_a_session_that_was_ended_stops_its_generator_with_a_word(matrix_site: Site) -> None:
    headers = matrix_site.sign_in("ada")
    client = tab(matrix_site, "steps", headers)
    job = client.submit("x", api_name="/long_run")
    wait_for(lambda: len(job.outputs()) > 2)
    httpx.post(f"{matrix_site.url}/api/auth/logout", headers=headers).raise_for_status()
    with pytest.raises(AppError, match="You have been signed out"):
        job.result(timeout=10)
    # And its place in the queue is free again.
    assert httpx.get(f"{matrix_site.url}/gradio/steps/config", headers=headers).status_code == 401


def test_a_session_that_is_full_says_so_and_keeps_what_it_had(matrix_site: Site) -> None:
    client = connect(matrix_site, "steps", "ada")
    with pytest.raises(AppError, match="session is full"):
        client.predict("x", api_name="/store_too_much")
    assert show(client, "kept") is None


def test_a_validator_has_the_session(matrix_site: Site) -> None:
    client = connect(matrix_site, "steps", "ada")
    assert client.predict("word", api_name="/validated") == [None]
    with pytest.raises(Exception, match="too long"):
        client.predict("a long word", api_name="/validated")
    assert show(client, "validated") == {"count": 2}


def test_a_rendered_part_of_the_page_has_the_session(matrix_site: Site) -> None:
    headers = matrix_site.sign_in("ada")
    url = f"{matrix_site.url}/gradio/steps"
    config = httpx.get(f"{url}/config", headers=headers).json()
    fn = next(d["id"] for d in config["dependencies"] if d["targets"][0][1] == "load")
    for count in (1, 2):
        body = {"data": ["x"], "fn_index": fn, "session_hash": f"render{count}"}
        httpx.post(f"{url}/gradio_api/queue/join", json=body, headers=headers).raise_for_status()
        stream = httpx.get(
            f"{url}/gradio_api/queue/data?session_hash=render{count}", headers=headers, timeout=20
        )
        assert f"rendered x {count}" in stream.text
