"""One contract, every backend: a test that takes `backend` runs once per backend."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings

from sessionstate import clock
from sessionstate.backends import get_backend
from sessionstate.backends.base import Backend

BACKENDS = ["memory", "db"]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[Backend]:
    with override_settings(SESSIONSTATE_BACKEND=request.param):
        yield get_backend()


@pytest.fixture(autouse=True)
def real_time() -> Iterator[None]:
    yield
    clock.reset()
