"""What somebody who runs several processes sees of them."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings
from redis import Redis

from gradio_ui.cluster.facts import Facts, of_all
from tests.attacks.people import Listener, Person
from tests.cluster.conftest import Processes, processes
from tests.servers import BASE_DIR, SiteFactory, allow_interrupt, manage, wait_for

Told = Callable[[], list[Facts]]


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, demo_database: Path, redis_server: str
) -> Iterator[Processes]:
    factory = SiteFactory(tmp_path_factory.mktemp("watched"), demo_database)
    more = {"GRADIO_UI_CLUSTER_PREFIX": "watched", "GRADIOSESSION_RELEASE": "2026.4"}
    with processes(factory, ("daphne", "uvicorn"), redis_server, more) as found:
        yield found
    factory.close()


@pytest.fixture(scope="module")
def ada(watched: Processes) -> Person:
    return watched.person()


@pytest.fixture
def facts(watched: Processes, redis_server: str, settings: Settings) -> Iterator[Told]:
    """Of the processes that live, in the order of `watched.sites`."""
    settings.GRADIO_UI_CLUSTER_PREFIX = "watched"
    with Redis.from_url(redis_server) as redis:
        yield lambda: sorted(of_all(redis), key=lambda found: watched.of(found.pid))


def command(site: Processes, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
    return manage("cluster", *args, env={**site.sites[0].env, **more})


def test_the_command_counts_what_each_process_does(
    watched: Processes, ada: Person, facts: Told
) -> None:
    done = command(watched, "--json", "--check")
    assert done.returncode == 0, done.stderr
    for shown, told in zip(json.loads(done.stdout)["processes"], facts(), strict=True):
        assert shown["answers"] and shown["since"] < "2100"
        assert (shown["state"], shown["release"]) == (told.state, told.release)
        assert (told.state, told.release) == ("ready", "2026.4")
    before = facts()
    own = watched.page(0, ada)
    event = watched.tab_at(1, own).start("steps", 1000, 0.05)
    listener = Listener(watched.tab_at(0, own))
    wait_for(lambda: listener.words(event))

    def changes(name: str) -> list[int]:
        now = facts()
        return [getattr(now[n], name) - getattr(before[n], name) for n in range(2)]

    # Told once a second.
    wait_for(lambda: changes("streams") == [1, 0])
    assert changes("running") == [1, 0]
    assert changes("pages") == [1, 0]
    handed, kept = changes("handed_over"), changes("kept")
    assert handed[0] == 0 and handed[1] >= 1 and kept[0] >= 2
    table = command(watched, "--check")
    assert table.returncode == 0, table.stderr
    header, *rows, total = table.stdout.splitlines()
    assert header.split()[:3] == ["process", "host", "pid"]
    assert [row.split()[-1] for row in rows] == ["yes", "yes"]
    assert total.startswith("2 processes") and "%)" in total
    named = {"session_hash": own.hash, "event_id": event, "fn_index": ada.fn("steps")}
    ada.post("/gradio_api/cancel", named)
    wait_for(lambda: changes("running") == [0, 0])


def test_a_process_that_was_killed_does_not_answer_and_is_gone_soon(
    watched: Processes, facts: Told
) -> None:
    dead = facts()[1].id
    watched.kill(1)
    try:
        done = command(watched, "--check")
        assert done.returncode == 2
        assert f"No answer from {dead}" in done.stderr
        wait_for(lambda: len(facts()) == 1, 30)
        assert "One process runs" in command(watched).stdout
    finally:
        watched.restart(1)
    wait_for(lambda: len(facts()) == 2)


def test_the_command_says_that_there_is_nobody(watched: Processes) -> None:
    alone = command(watched, REDIS_URL="", SESSIONSTATE_BACKEND="db")
    assert alone.returncode == 0 and "do not know of each other" in alone.stdout
    down = command(watched, REDIS_URL="redis://127.0.0.1:1/0")
    assert down.returncode == 1 and "Redis does not answer" in down.stderr
    nobody = command(watched, "--check", GRADIO_UI_CLUSTER_PREFIX="nobody")
    assert nobody.returncode == 2 and "No process runs" in nobody.stdout


def test_the_command_goes_on_until_it_is_interrupted(watched: Processes) -> None:
    words = [sys.executable, "manage.py", "cluster", "--json", "--watch", "0.1"]
    with subprocess.Popen(
        words,
        cwd=BASE_DIR,
        env=watched.sites[0].env,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=allow_interrupt,
    ) as process:
        assert process.stdout
        for _ in range(3):
            assert len(json.loads(process.stdout.readline())["processes"]) == 2
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
