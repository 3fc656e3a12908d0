"""Every kind of function in every scope, on a real server, by the official client."""

import pytest

from tests.gradio_ui.conftest import connect, tab
from tests.gradio_ui.matrix.gradio_apps import KINDS, SCOPES
from tests.servers import Site

# A generator of three steps has counted to three when it is through.
STEPS = {"generator": 3, "async_generator": 3}


@pytest.fixture(scope="module")
def logins(matrix_site: Site) -> dict[str, dict[str, str]]:
    """Headers of two logins of ada and one of bob, for all cells: signing in is limited."""
    return {name: matrix_site.sign_in(name.split("-")[0]) for name in ("ada-1", "ada-2", "bob-1")}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_function_counts_in_its_scope_and_nobody_elses(
    matrix_site: Site, logins: dict[str, dict[str, str]], kind: str, scope: str
) -> None:
    step = STEPS.get(kind, 1)
    name = f"/{kind}_{scope}"
    first = tab(matrix_site, "matrix", logins["ada-1"])
    assert first.predict("a", api_name=name) == f"a {step}"
    assert first.predict("b", api_name=name) == f"b {2 * step}"

    same_login = tab(matrix_site, "matrix", logins["ada-1"])
    same_user = tab(matrix_site, "matrix", logins["ada-2"])
    other_user = tab(matrix_site, "matrix", logins["bob-1"])
    expected = {
        "session": (3, 1, 1),
        "user": (3, 4, 1),
        "tab": (1, 1, 1),
    }[scope]
    found = tuple(
        client.predict("c", api_name=name) for client in (same_login, same_user, other_user)
    )
    assert found == tuple(f"c {count * step}" for count in expected)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in STEPS])
def test_the_same_without_the_queue(
    matrix_site: Site, logins: dict[str, dict[str, str]], kind: str
) -> None:
    client = tab(matrix_site, "matrix", logins["ada-2"])
    before = client.predict("a", api_name=f"/{kind}_session")
    after = client.predict("a", api_name=f"/{kind}_session_now")
    assert int(after.split()[1]) == int(before.split()[1]) + 1


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
    for kind in KINDS:
        names = [p["parameter_name"] for p in info[f"/{kind}_session"]["parameters"]]
        assert names == ["word"], kind
