"""What somebody who runs several processes sees of them."""

import json
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings
from redis import Redis

from gradio_ui.cluster.facts import Facts, of_all
from tests.attacks.people import API, Failed, Listener, Person, Tab
from tests.cluster.collector import Collector
from tests.cluster.conftest import Processes, processes
from tests.servers import BASE_DIR, Site, SiteFactory, allow_interrupt, manage, wait_for

TOKEN = "a-token-for-the-tests-only"
Told = Callable[[], list[Facts]]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory,
    demo_database: Path,
    redis_server: str,
    collector: Collector,
) -> Iterator[Processes]:
    factory = SiteFactory(tmp_path_factory.mktemp("watched"), demo_database)
    more = {
        "GRADIO_UI_CLUSTER_PREFIX": "watched",
        "GRADIOSESSION_RELEASE": "2026.4",
        "METRICS_TOKEN": TOKEN,
        "METRICS_NETWORKS": "10.99.0.0/16",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    with processes(factory, ("daphne", "uvicorn"), redis_server, more) as found:
        yield found


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

    # Each tells once a second, when it comes to it.
    wait_for(lambda: changes("streams") == [1, 0])
    wait_for(lambda: changes("handed_over")[1] >= 1)
    assert changes("handed_over")[0] == 0 and changes("kept")[0] >= 2
    assert changes("running") == [1, 0]
    assert changes("pages") == [1, 0]
    table = command(watched, "--check")
    assert table.returncode == 0, table.stderr
    header, *rows, total = table.stdout.splitlines()
    assert header.split()[:3] == ["process", "host", "pid"]
    assert [row.split()[-1] for row in rows] == ["yes", "yes"]
    assert total.startswith("2 processes") and "%)" in total
    named = {"session_hash": own.hash, "event_id": event, "fn_index": ada.fn("steps")}
    ada.post("/gradio_api/cancel", named)
    wait_for(lambda: changes("running") == [0, 0])


def numbers(site: Processes, number: int) -> dict[str, float]:
    """The metrics of a process, by name and labels as they are written."""
    answer = httpx.get(
        f"{site.sites[number].url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        sample.name
        + "".join(f",{key}={sample.labels[key]}" for key in sorted(sample.labels)): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics_count_events_in_the_process_that_ran_them(watched: Processes, ada: Person) -> None:
    tab = watched.page(0, ada)
    far = watched.tab_at(1, tab)
    before = [numbers(watched, number) for number in (0, 1)]
    assert far.predict("tell", "x") == "x"
    assert far.run("tell", "x") == "x"
    for kind in ("word", "other"):
        with pytest.raises(Failed):
            tab.predict("fail", kind)
    event = far.start("steps", 1000, 0.05)
    listener = Listener(far)
    wait_for(lambda: listener.words(event))

    def change(number: int, name: str) -> float:
        now = numbers(watched, number)
        return now.get(name, 0) - before[number].get(name, 0)

    assert change(0, "gradiosession_events_running,app=cluster") == 1
    assert change(0, "gradiosession_streams_open,kind=events") == 1
    named = {"session_hash": tab.hash, "event_id": event, "fn_index": ada.fn("steps")}
    ada.post(f"{API}/cancel", named)
    ended = "gradiosession_events_total,app=cluster,outcome="
    wait_for(lambda: change(0, f"{ended}cancelled") == 1)
    assert [change(0, ended + outcome) for outcome in ("ok", "error", "failed")] == [2, 1, 1]
    assert [change(1, ended + outcome) for outcome in ("ok", "error", "failed")] == [0, 0, 0]
    # Four of the queue, and one that did not wait.
    assert change(0, "gradiosession_event_queue_seconds_count,app=cluster") == 4
    assert change(0, "gradiosession_event_run_seconds_count,app=cluster") == 5
    # What was sent to the other process counts there.
    sent = "gradiosession_http_requests_total,app=cluster,route=run,status=200"
    assert (change(0, sent), change(1, sent)) == (0, 1)
    ways = "gradiosession_cluster_requests_total,way="
    handed = change(1, f"{ways}handed_over")
    assert handed >= 4 and change(0, f"{ways}received") >= handed
    assert change(0, "gradiosession_store_seconds_count,backend=redis,operation=load_many") > 0
    assert numbers(watched, 0)["gradiosession_cluster_known"] == 1
    assert numbers(watched, 0)["gradiosession_cluster_others"] == 1


def test_metrics_count_who_was_refused(watched: Processes, ada: Person) -> None:
    own = watched.page(0, ada)
    thief = Tab(watched.at(0, watched.person("bob")), own.hash, fns=ada.fn)
    before = numbers(watched, 0)
    assert thief.join("count", None).status_code == 403
    assert httpx.get(f"{watched.sites[0].url}/gradio/cluster/config").status_code == 401
    assert httpx.get(f"{watched.sites[0].url}/gradio/{own.hash}/").status_code == 404
    after = numbers(watched, 0)
    name = "gradiosession_refused_total,app={},reason={},status={}"
    for labels in (
        ("cluster", "not_owner", 403),
        ("cluster", "not_authenticated", 401),
        ("", "not_found", 404),
    ):
        assert after[name.format(*labels)] - before.get(name.format(*labels), 0) == 1, labels
    # Nothing that a client has sent becomes a label.
    assert not [name for name in after if own.hash in name]


def test_what_alerts_and_the_documentation_name_is_there(watched: Processes) -> None:
    text = httpx.get(
        f"{watched.sites[0].url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
    ).text
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)", text, re.M))
    there = set(kinds) | {
        f"{name}_{part}"
        for name, kind in kinds.items()
        if kind == "histogram"
        for part in ("bucket", "count", "sum")
    }
    for path in ("deploy/prometheus/alerts.yml", "docs/guides/monitoring.md"):
        named = set(re.findall(r"\bgradiosession_\w+", (BASE_DIR / path).read_text()))
        assert len(named) >= 10 and not named - there, named - there


def test_metrics_are_for_those_who_may_read_them(watched: Processes) -> None:
    def ask(**headers: str) -> httpx.Response:
        return httpx.get(f"{watched.sites[0].url}/metrics", headers=headers)

    missing = httpx.get(f"{watched.sites[0].url}/no-such-page")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-Forwarded-For": "10.99.0.1"}):
        answer = ask(**headers)
        assert (answer.status_code, len(answer.text) > 0) == (404, True)
        assert "gradiosession_" not in answer.text
    assert missing.status_code == 404
    open_metrics = ask(Authorization=f"Bearer {TOKEN}", Accept="application/openmetrics-text")
    assert open_metrics.headers["Content-Type"].startswith("application/openmetrics-text")
    assert open_metrics.text.endswith("# EOF\n")
    assert open_metrics.headers["Cache-Control"] == "no-store"


def lines(site: Site, wanted: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in site.log.splitlines() if wanted in line]


def test_lines_of_both_processes_and_of_the_function_join_up(
    watched: Processes, ada: Person
) -> None:
    tab = watched.page(0, ada)
    answer = watched.tab_at(1, tab).join("tell", f"word-{tab.hash}")
    # Drawn by the process that was asked.
    request_id = answer.headers["X-Request-ID"]
    owner, front = watched.sites
    wait_for(lambda: lines(owner, f"told word-{tab.hash}"))
    wait_for(lambda: len(lines(owner, request_id)) == 2 and lines(front, request_id))
    [told] = lines(owner, f"told word-{tab.hash}")
    [asked] = [line for line in lines(owner, request_id) if line["event"] == "request"]
    [handed] = lines(front, request_id)
    assert told["request_id"] == asked["request_id"] == handed["request_id"] == request_id
    assert told["function"] == "tell" and told["app"] == "cluster"
    assert told["user_id"] == handed["user_id"] and len(told["session"]) == 8
    assert answer.json()["event_id"][12:20] == told["event_id"]
    assert asked["handed_by"] == told["handed_by"] != handed["handed_to"]
    # What fails is a line as well, with the traceback in it.
    with pytest.raises(Failed):
        tab.predict("fail", f"purpose-{tab.hash}")
    failure = wait_for(lambda: lines(owner, f"purpose-{tab.hash}"))[0]
    assert (failure["function"], failure["level"]) == ("fail", "error")
    assert "Traceback" in failure["exception"] and failure["request_id"]


def test_the_spans_of_a_request_are_one_tree_over_both_processes(
    watched: Processes, ada: Person, facts: Told, collector: Collector
) -> None:
    tab = watched.page(0, ada)
    trace, root = secrets.token_hex(16), secrets.token_hex(8)
    far = watched.at(1, ada)
    far.client.headers["traceparent"] = f"00-{trace}-{root}-01"
    Tab(far, tab.hash, fns=ada.fn).start("tell", "x")
    failing = {"data": ["other"], "session_hash": tab.hash}
    assert far.post(f"{API}/run/fail", failing).status_code == 500

    def found() -> list[tuple[str, Span]]:
        return [(of, span) for of, span in collector.spans if span.trace_id.hex() == trace]

    wait_for(lambda: len(found()) == 8)
    owner, front = (told.id for told in facts())
    assert {owner, front} == {of for of, _ in found()}
    for first, function, status in (("queue/join", "tell", 0), ("run", "fail", 2)):
        parent = root
        for process, name in (
            (front, f"POST {first}"),
            (front, "hand over"),
            (owner, f"POST {first}"),
            (owner, f"function {function}"),
        ):
            [(of, span)] = [
                (of, span)
                for of, span in found()
                if span.parent_span_id.hex() == parent and span.name == name
            ]
            assert of == process
            parent = span.span_id.hex()
        assert span.status.code == status
    named = [line for line in lines(watched.sites[0], trace) if line["event"] == "request"]
    assert len(named) == 2 and all(line["trace_id"] == trace for line in named)


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
