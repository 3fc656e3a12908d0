"""Functions with a session as the official client sees and calls them. (The table has the rest.)"""

from typing import Any

import httpx

from tests.gradio_ui.conftest import connect, tab
from tests.servers import Site


def test_chat_interface_remembers(matrix_site: Site) -> None:
    headers = matrix_site.sign_in("ada")
    client = tab(matrix_site, "chat", headers)
    assert client.predict("hi", api_name="/reply") == "hi 1"
    assert client.predict("hi", api_name="/reply") == "hi 2"
    assert tab(matrix_site, "chat", headers).predict("hi", api_name="/reply") == "hi 3"
    assert connect(matrix_site, "chat", "bob").predict("hi", api_name="/reply") == "hi 1"


def test_a_streaming_chat_with_the_session_first_and_more_inputs(matrix_site: Site) -> None:
    headers = matrix_site.sign_in("ada")
    client = tab(matrix_site, "slow-chat", headers)
    job = client.submit("hi", True, api_name="/reply")
    assert job.result(timeout=30) == "hi! 2 2"
    assert job.outputs() == ["hi! 1 1", "hi! 2 2"]
    again = tab(matrix_site, "slow-chat", headers).submit("hi", False, api_name="/reply")
    assert again.result(timeout=30) == "hi 4 2"


def test_api_info_shows_the_inputs_and_not_the_state(matrix_site: Site) -> None:
    client = connect(matrix_site, "matrix", "ada")
    info = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    for name in ("/plain", "/mixed"):
        assert [p["parameter_name"] for p in info[name]["parameters"]] == ["word"], name


def test_event_data_and_sets_of_inputs_go_together_with_a_session(matrix_site: Site) -> None:
    headers = matrix_site.sign_in("ada")

    def run(name: str, event: dict[str, Any] | None = None) -> str:
        url = f"{matrix_site.url}/gradio/steps/gradio_api/run/{name}"
        body = {"data": ["word"], "event_data": event, "session_hash": "events"}
        answer = httpx.post(url, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        found: str = answer.json()["data"][0]
        return found

    for value, found in (("a", "word ['a']"), ("b", "word ['b', 'a']")):
        assert run("picked", {"index": 0, "value": value, "selected": True}) == found
    assert run("liked", {"index": [1, 0], "value": "hi", "liked": True}) == "word [1, 0]"
    assert [run("of_a_set"), run("of_a_set")] == ["word 1", "word 2"]
    stored = httpx.get(f"{matrix_site.url}/api/session/data", headers=headers).json()
    assert (stored["picked"], stored["liked"]) == (["b", "a"], True)
