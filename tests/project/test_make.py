"""`make run` on machines where it cannot work: one clear line, and an exit code."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.servers import BASE_DIR, component


def make(*args: str, path: str = os.environ["PATH"]) -> tuple[int, str]:
    done = subprocess.run(
        [component("make"), "--no-print-directory", *args],
        cwd=BASE_DIR,
        env={"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def test_a_taken_port_is_named() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        code, output = make("run", f"PORT={port}")
    assert code != 0
    assert f"Port {port} is taken" in output
    assert len(output.splitlines()) == 1


@pytest.mark.parametrize("port", ["0.5", "http", "70000"])
def test_something_else_than_a_port_is_named(port: str) -> None:
    code, output = make("run", f"PORT={port}")
    assert code != 0
    assert f"Port {port} is taken or not a port" in output


def test_a_missing_python_is_named(tmp_path: Path) -> None:
    for program in ("bash", "sh"):
        (tmp_path / program).symlink_to(component(program))
    code, output = make("run", path=str(tmp_path))
    assert code != 0
    assert "Python 3.11 or newer is needed" in output
    assert len(output.splitlines()) == 1


def _python(directory: Path, refused: str) -> str:
    """A Python that fails on code with `refused` in it."""
    script = directory / "python3"
    real = shutil.which("python3")
    script.write_text(f'#!/bin/sh\ncase "$2" in *"{refused}"*) exit 1;; esac\nexec {real} "$@"\n')
    script.chmod(0o755)
    return str(script)


def test_an_old_python_is_named(tmp_path: Path) -> None:
    code, output = make("run", f"PYTHON={_python(tmp_path, 'version_info')}")
    assert code != 0
    assert "Python 3.11 or newer is needed" in output


def test_a_missing_venv_module_is_named(tmp_path: Path) -> None:
    code, output = make("run", f"PYTHON={_python(tmp_path, 'ensurepip')}")
    assert code != 0
    assert "apt install python3-venv" in output
    assert len(output.splitlines()) == 1
