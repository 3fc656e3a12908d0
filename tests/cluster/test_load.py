"""Many people at once, while nothing happens, on machines of their own, and while processes die."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import kills
from tests.cluster.conftest import Processes, processes
from tests.cluster.load import Load, loaded
from tests.servers import ServerName, SiteFactory

# Each a login of its own.
PEOPLE = [*("ada", "bob", "admin") * 4]
SERVERS: tuple[ServerName, ...] = ("daphne", "uvicorn", "uvicorn")


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, redis_server: str
) -> Iterator[Processes]:
    factory = SiteFactory(tmp_path_factory.mktemp("load"), demo_database)
    more = {"GRADIO_UI_CLUSTER_PREFIX": "load"}
    with processes(factory, SERVERS, redis_server, more) as found:
        yield found


def check_nothing_fails(load: Load, events: int) -> None:
    load.run(events)
    assert not load.failures, load.failures
    assert len({event.process for event in load.events} - {""}) == 3


def test_nobody_notices_that_there_are_several_processes(site: Processes, tmp_path: Path) -> None:
    with loaded(site, PEOPLE, tmp_path) as load:
        check_nothing_fails(load, 300)


def test_a_process_that_is_killed_takes_with_it_only_what_ran_there(
    site: Processes, tmp_path: Path
) -> None:
    with loaded(site, PEOPLE, tmp_path) as load:
        with load.going_on():
            killed = kills.kill(site, load, 3)
        wrong = kills.wrong(load, killed)
        assert not wrong, (killed, wrong)


def test_nobody_notices_that_all_processes_are_restarted(site: Processes, tmp_path: Path) -> None:
    with loaded(site, PEOPLE[:4], tmp_path) as load:
        with load.going_on():
            kills.restart_all(site, load)
        assert not load.failures, load.failures
        assert len(load.gone) == 3 and len(load.events) > len(load.users)
