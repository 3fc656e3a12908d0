"""Many people at once, also while processes are killed and restarted, and Redis goes away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import Processes, processes
from tests.cluster.load import loaded
from tests.servers import SiteFactory

# Each a login of its own.
PEOPLE = [*("ada", "bob", "admin") * 3, "ada"]


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, redis_server: str
) -> Iterator[Processes]:
    factory = SiteFactory(tmp_path_factory.mktemp("load"), demo_database)
    more = {"GRADIO_UI_CLUSTER_PREFIX": "load"}
    with processes(factory, ("daphne", "uvicorn", "uvicorn"), redis_server, more) as found:
        yield found
    factory.close()


def test_nobody_notices_that_there_are_several_processes(site: Processes, tmp_path: Path) -> None:
    with loaded(site, PEOPLE, tmp_path) as load:
        load.run(300)
        assert not load.failures, load.failures
        assert len({event.process for event in load.events} - {""}) == 3
