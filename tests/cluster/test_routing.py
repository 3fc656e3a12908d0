"""Whichever process a request reaches, it is answered by the one that has the page."""

import pytest

from tests.attacks.people import Person, Tab
from tests.cluster.conftest import Processes


@pytest.fixture(scope="module")
def ada(cluster: Processes) -> Person:
    return cluster.person()


def test_a_page_has_one_state(ada: Person) -> None:
    tab = Tab(ada)
    assert [tab.predict("count", None) for _ in range(7)] == [1, 2, 3, 4, 5, 6, 7]
    assert [tab.run("count", None) for _ in range(4)] == [8, 9, 10, 11]


def test_events_of_a_page_run_in_one_process(cluster: Processes, ada: Person) -> None:
    tab = Tab(ada)
    ran = {tab.predict("process") for _ in range(7)}
    assert len(ran) == 1
    # And different pages are spread.
    assert len({Tab(ada).predict("process") for _ in range(12)}) == 3
