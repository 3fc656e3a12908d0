"""Many people at once, also while processes are killed and restarted, and Redis goes away."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.app import LEDGER
from tests.cluster.conftest import Processes, processes
from tests.cluster.load import Load, signed_in
from tests.servers import SiteFactory, wait_for


@contextmanager
def loaded(site: Processes, directory: Path, people: int) -> Iterator[Load]:
    names = [("ada", "bob", "admin")[number % 3] for number in range(people)]
    users = signed_in(site.url, names, site.sites[0].sign_in)
    ledger = Path(site.sites[0].env["GRADIOSESSION_DATA_DIR"]) / LEDGER
    load = Load(site.url, users, directory, ledger)
    try:
        yield load
        wait_for(lambda: not load.still_running())
        assert not load.stale, load.stale
        assert not load.twice
        assert not load.not_run
    finally:
        load.close()


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
    with loaded(site, tmp_path, 10) as load:
        load.run(300)
        print(load.table())
        assert not load.failures, load.failures
        assert len({event.process for event in load.events} - {""}) == 3
