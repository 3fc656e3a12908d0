import threading
import time
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import AsyncClient, Client
from pytest_django import Settings

from gradio_ui import stopping
from gradiosession import health

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def not_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another test may have left this process."""
    monkeypatch.setattr(stopping, "is_draining", False)


def failing() -> None:
    raise ConnectionError("user=secret host=inner")


def test_live_answers_whatever_the_host_and_without_a_session(client: Client) -> None:
    response = client.get("/health/live", headers={"host": "10.0.0.7"})
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert not response.cookies
    assert response["Cache-Control"] == "no-store"


def test_ready_names_every_check(client: Client) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "checks": {"database": "ok", "cache": "ok", "session_store": "ok"},
    }


async def test_ready_answers_under_asgi_too(async_client: AsyncClient) -> None:
    response = await async_client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "ok")


def test_health_is_for_reading(client: Client) -> None:
    assert client.head("/health/live").status_code == 200
    assert client.post("/health/live").status_code == 405


def test_an_unreachable_component_is_named_without_its_address(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = (health.Probe("database", failing), health.Probe("cache", lambda: None))
    monkeypatch.setattr(health, "_probes", probes)
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json() == {
        "status": "unavailable",
        "checks": {"database": "ConnectionError", "cache": "ok"},
    }


def test_a_redis_that_is_gone_is_named(client: Client, settings: Settings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["cache"] == "ConnectionError"
    assert client.get("/health/live").status_code == 200


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


async def test_a_hanging_check_is_given_up_and_not_started_again(
    released: threading.Event,
) -> None:
    starts = []

    def hang() -> None:
        starts.append(1)
        released.wait()

    probe = health.Probe("database", hang)
    begun = time.monotonic()
    assert await probe.failure(limit=0.1) == "no answer within 0.1 s"
    assert await probe.failure(limit=0.1) == "no answer within 0.1 s"
    assert time.monotonic() - begun < 1
    assert len(starts) == 1
    released.set()
    assert await probe.failure() == ""


def test_a_cache_that_forgets_is_not_ready(client: Client, settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    cache.clear()
    assert client.get("/health/ready").json()["checks"]["cache"] == "RuntimeError"
