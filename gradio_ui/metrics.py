"""Numbers for Prometheus: what becomes of the events of each app, and what this process has to do.

Each process counts for itself and is a target of its own. Labels are names of apps and words of
ours, never anything that a client has sent. What is known anyway is counted when it is asked for.
"""

import re
from collections.abc import Iterator
from http.client import responses
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gradio_ui.compat import pages

if TYPE_CHECKING:
    from gradio_ui.asgi import GradioRouter
    from gradio_ui.refusals import Refused

# As many lines again, of when each was first counted.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY: Final = CollectorRegistry()

# ok         the function has returned
# error      it has raised a `gr.Error`, or we have: a word to the user
# failed     it has raised anything else: a mistake of the app
# cancelled  stopped by the user, who may have left
# stopped    ended by the server, which stops or has ended the session
# refused    not taken into the queue: it is full, or the input is not valid
Outcome: TypeAlias = Literal["ok", "error", "failed", "cancelled", "stopped", "refused"]

_EVENTS = Counter(
    "gradiosession_events",
    "Events that have ended, by how.",
    ["app", "outcome"],
    registry=REGISTRY,
)
_WAITED = Histogram(
    "gradiosession_event_queue_seconds",
    "How long events have waited in the queue.",
    ["app"],
    buckets=(0.005, 0.02, 0.1, 0.5, 1, 5, 15, 60, 300),
    registry=REGISTRY,
)
_RAN = Histogram(
    "gradiosession_event_run_seconds",
    "How long the functions of events have run, generators to their end.",
    ["app"],
    buckets=(0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 15, 60, 300),
    registry=REGISTRY,
)
_REFUSED = Counter(
    "gradiosession_refused",
    "Requests to apps that the gate has refused, by status and reason.",
    ["app", "status", "reason"],
    registry=REGISTRY,
)


class Meter:
    """Of one app, whose numbers are looked up once."""

    def __init__(self, app: str) -> None:
        self._ended = {outcome: _EVENTS.labels(app, outcome) for outcome in get_args(Outcome)}
        self.waited = _WAITED.labels(app).observe
        self.ran = _RAN.labels(app).observe

    def ended(self, outcome: Outcome) -> None:
        self._ended[outcome].inc()


def refused(app: str, why: "Refused") -> None:
    # The errors of the gate's parts are named for what they keep.
    status, cause = why.problem.status, why.__cause__
    name = type(cause).__name__ if cause else responses[status]
    _REFUSED.labels(app, status, _snake(name)).inc()


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|\W+", "_", name).lower()


class Now(Collector):
    """Of the process as it is at the moment."""

    def __init__(self, router: "GradioRouter") -> None:
        self._router = router

    def collect(self) -> Iterator[Metric]:
        router = self._router
        waiting = GaugeMetricFamily(
            "gradiosession_events_waiting", "Events in the queue.", labels=["app"]
        )
        running = GaugeMetricFamily(
            "gradiosession_events_running", "Events whose function runs.", labels=["app"]
        )
        up = GaugeMetricFamily(
            "gradiosession_app_up", "Whether the app could be built and started.", labels=["app"]
        )
        for slug, mount in list(router.mounts.items()):
            blocks = mount.blocks
            up.add_metric([slug], blocks is not None)
            if blocks is not None:
                waiting.add_metric([slug], pages.count_waiting(blocks))
                running.add_metric([slug], pages.count_running(blocks))
        yield from (waiting, running, up)
        streams = GaugeMetricFamily(
            "gradiosession_streams_open", "Open responses of apps.", labels=["kind"]
        )
        streams.add_metric(["events"], router.connections.count(endless=False))
        streams.add_metric(["heartbeat"], router.connections.count(endless=True))
        yield streams
        yield GaugeMetricFamily(
            "gradiosession_pages", "Pages of which Gradio keeps something.", len(router.pages)
        )
        yield GaugeMetricFamily(
            "gradiosession_draining", "Whether it is about to stop.", router.lifespan.is_draining
        )
        if router.cluster:
            yield from self._cluster()

    def _cluster(self) -> Iterator[Metric]:
        cluster = self._router.cluster
        assert cluster
        ways = CounterMetricFamily(
            "gradiosession_cluster_requests",
            "Requests that named a page or an event: answered here, handed over, handed over and "
            "not answered to the end, received from another process.",
            labels=["way"],
        )
        for way in ("kept", "handed_over", "failed", "received"):
            ways.add_metric([way], getattr(cluster, way))
        yield ways
        yield GaugeMetricFamily(
            "gradiosession_cluster_pages", "Pages that this process holds.", len(cluster.claims)
        )
        yield GaugeMetricFamily(
            "gradiosession_cluster_others", "Other processes that take pages.", cluster.others
        )
        yield GaugeMetricFamily(
            "gradiosession_cluster_known",
            "Whether the others have been told of this process lately, which takes Redis.",
            cluster.is_known,
        )
