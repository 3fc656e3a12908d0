"""The search for secrets in the output of a run (tests/leaks.py) finds some."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.leaks import ids_in, leaks
from tests.servers import BASE_DIR

SESSION = "k3j2h5g6f7d8s9a0q1w2e3r4t5y6u7i8"
# Signed by nobody: {"alg": "HS256"} . {"sid": SESSION}
TOKEN = (
    "eyJhbGciOiAiSFMyNTYifQ.eyJzaWQiOiAiazNqMmg1ZzZmN2Q4czlhMHExdzJlM3I0dDV5NnU3aTgifQ.c2lnbmF0dXJl"
)


def test_a_ticket_names_its_session() -> None:
    assert ids_in(f'session={TOKEN}; Path=/ "session_id": "{SESSION[::-1]}"') == {
        SESSION,
        SESSION[::-1],
    }


@pytest.mark.parametrize(
    "secret", [SESSION, TOKEN, "gsk_0123abcd_" + "x" * 43, "correct horse battery"]
)
def test_a_secret_in_a_log_is_found_and_not_repeated(secret: str) -> None:
    [found] = leaks(f'one line\n{{"event": "odd", "x": "{secret}"}}\n', {SESSION})
    assert secret not in found
    assert "odd" in found


def test_what_is_no_secret_is_left_alone() -> None:
    innocent = f"{SESSION[:8]} gsk_0123abcd_… {SESSION[::-1]} eyJ… request_id={'0f' * 16}"
    assert not list(leaks(innocent, {SESSION}))


LEAKS = {
    "log": "import logging; logging.getLogger('x').warning('session %s', key)",
    "file": "(tmp_path / 'daphne-8000-0.log').write_text(f'GET /?{key}')",
    "exception": "\n".join(
        [
            "import logging",
            "    try: raise KeyError(key)",
            "    except KeyError: logging.getLogger('x').exception('failed')",
        ]
    ),
    "nothing": "pass",
}


@pytest.mark.parametrize(
    ("where", "workers"),
    [("log", "0"), ("file", "0"), ("exception", "0"), ("nothing", "0")]
    + [("log", "1"), ("nothing", "1")],
)
def test_a_run_that_leaks_fails(where: str, workers: str, tmp_path: Path) -> None:
    test = tmp_path / "test_leak.py"
    test.write_text(
        "def test_leak(tmp_path):\n"
        "    from sessionstate.engine import new_key\n"
        "    key = new_key()\n"
        f"    {LEAKS[where]}\n"
    )
    options = ["-q", "-p", "tests.conftest", "-p", "no:cacheprovider", f"--rootdir={BASE_DIR}"]
    options += ["-n", workers]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--basetemp={tmp_path / 'base'}", str(test)],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == (where != "nothing"), done.stdout + done.stderr
    assert ("secrets in the output" in done.stdout) is (where != "nothing")
    assert "1 passed" in done.stdout
