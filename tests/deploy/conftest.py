"""What the files in deploy/ are compared with."""

import re

import pytest

from tests.servers import BASE_DIR

DEPLOY = BASE_DIR / "deploy"


@pytest.fixture(scope="session")
def settings_read() -> set[str]:
    """The names of the environment that the project reads."""
    sources = [BASE_DIR / "gradiosession" / name for name in ("settings.py", "env.py")]
    calls = re.compile(r'\benv\.\w+\(\s*"([A-Z][A-Z0-9_]+)"')
    names = {name for source in sources for name in calls.findall(source.read_text())}
    assert {"REDIS_URL", "DATABASE_URL", "GRADIO_UI_CLUSTER_ADDRESS"} <= names
    return names | {"DJANGO_ENV_FILE"}
