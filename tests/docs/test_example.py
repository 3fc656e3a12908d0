"""docs/examples/feedback: an app that somebody adds to the project, with tests of its own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.servers import BASE_DIR, manage, project_env

EXAMPLES = BASE_DIR / "docs/examples"


def test_the_example_needs_nothing_but_its_name_in_the_settings(tmp_path: Path) -> None:
    paths = os.pathsep.join([str(EXAMPLES), str(BASE_DIR)])
    env = project_env(tmp_path, EXTRA_APPS="feedback", PYTHONPATH=paths)
    done = manage("makemigrations", "--check", "--dry-run", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLES / "feedback"],
        cwd=BASE_DIR,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert "8 passed" in tests.stdout
