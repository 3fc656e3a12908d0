"""Who may read the metrics, and under which words requests and the store are counted."""

import asyncio
from ipaddress import ip_network
from typing import Any

import pytest
from pytest_django import Settings

from gradiosession import metrics
from sessionstate.backends.base import Address, Kind
from sessionstate.backends.memory import Backend
from sessionstate.backends.timed import Timed
from sessionstate.errors import StoreUnavailable

TOKEN = "a-token-for-the-tests-only"


def scope(client: str | None = "192.0.2.1", method: str = "GET", **headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    found = None if client is None else (client, 50000)
    return {"type": "http", "method": method, "client": found, "headers": named}


@pytest.fixture(autouse=True)
def allowed(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    settings.METRICS_NETWORKS = [ip_network("10.1.0.0/16"), ip_network("::1/128")]


@pytest.mark.parametrize(
    ("asked", "may"),
    [
        (scope(), False),
        (scope(client=None), False),
        (scope(client="10.1.2.3"), True),
        (scope(client="::ffff:10.1.2.3"), True),
        (scope(client="::1"), True),
        (scope(client="10.2.2.3"), False),
        (scope(client="no address"), False),
        # A proxy of that network asks for somebody else.
        (scope(client="10.1.2.3", x_forwarded_for="10.1.2.3"), False),
        (scope(client="10.1.2.3", forwarded="for=10.1.2.3"), False),
        (scope(authorization=f"Bearer {TOKEN}"), True),
        (scope(authorization=f"Bearer {TOKEN}x"), False),
        (scope(authorization=TOKEN), False),
        (scope(method="POST", authorization=f"Bearer {TOKEN}"), False),
    ],
)
def test_who_may_read(asked: dict[str, Any], may: bool) -> None:
    assert metrics.may_read(asked) is may


def test_without_a_token_none_is_right(settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert not metrics.may_read(scope(authorization="Bearer "))


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/", "portal"),
        ("GET", "/accounts/login/", "accounts"),
        ("GET", "/k3j2h5g6f7d8s9a0", "other"),
        ("GET", "/gradio/hello/", "page"),
        ("GET", "/gradio/hello/config", "config"),
        ("GET", "/gradio/hello/assets/index-1234.js", "app/static"),
        ("POST", "/gradio/hello/gradio_api/queue/join", "queue/join"),
        ("GET", "/gradio/hello/gradio_api/queue/data", "queue/data"),
        ("POST", "/gradio/hello/gradio_api/call/predict", "call"),
        ("GET", "/gradio/hello/gradio_api/call/predict/0123", "call/data"),
        ("GET", "/gradio/hello/gradio_api/file=/data/x.csv", "file"),
        ("GET", "/gradio/hello/gradio_api/heartbeat/abc123", "heartbeat"),
        ("GET", "/gradio/hello/gradio_api/whatever", "other"),
        ("GET", "/gradio/hello/gradio_api/0123", "other"),
        ("GET", "/gradio/hello/k3j2h5g6f7d8s9a0", "other"),
    ],
)
def test_a_route_is_one_of_a_few_words(method: str, path: str, name: str) -> None:
    assert metrics.route({"type": "http", "method": method, "path": path}) == name


async def test_a_timed_store_tells_of_each_operation_once() -> None:
    told: list[tuple[str, str]] = []

    class Failing(Backend):
        def touch(self, *args: Any) -> bool:
            raise StoreUnavailable("down")

    store = Timed(Failing(), lambda name, seconds, error: told.append((name, type(error).__name__)))
    address = Address(Kind.SESSION, "x" * 32)
    assert store.load(address) is None
    assert await store.aload(address) is None
    with pytest.raises(StoreUnavailable):
        store.touch(address, None)
    assert await asyncio.gather(store.aload(address), store.aload(address)) == [None, None]
    assert told == [
        ("load", "NoneType"),
        ("load", "NoneType"),
        ("touch", "StoreUnavailable"),
        ("load", "NoneType"),
        ("load", "NoneType"),
    ]
    assert not hasattr(store, "no_such_operation")
