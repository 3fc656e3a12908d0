"""Many people at once, while nothing happens, on machines of their own, and while processes die."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster import chaos, kills
from tests.cluster.conftest import Processes, processes
from tests.cluster.load import Load, loaded
from tests.cluster.network import machines
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
    factory.close()


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


def test_nobody_notices_that_the_processes_are_on_several_machines(
    tmp_path: Path, demo_database: Path
) -> None:
    with ExitStack() as stack:
        host, places = stack.enter_context(machines(3))
        redis = stack.enter_context(chaos.redis(tmp_path / "redis", host))
        factory = SiteFactory(tmp_path, demo_database)
        stack.callback(factory.close)
        apart = stack.enter_context(processes(factory, SERVERS, redis.url, places=places))
        assert all(place.host in site.url for place, site in zip(places, apart.sites, strict=True))
        check_nothing_fails(stack.enter_context(loaded(apart, PEOPLE, tmp_path)), 100)
