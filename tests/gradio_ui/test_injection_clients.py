"""Functions with a session as the official client sees and calls them. (The table has the rest.)"""

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
