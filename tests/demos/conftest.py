from collections.abc import Iterator

import pytest
from django.test import override_settings


@pytest.fixture
def memory_store() -> Iterator[None]:
    """State in this process: what an app does with it is the same on every backend."""
    with override_settings(SESSIONSTATE_BACKEND="memory"):
        yield
