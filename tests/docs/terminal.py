"""A shell at a terminal, in which a test types what a page of the documentation says."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread

import pexpect

from tests.servers import allow_interrupt, component

PROMPT = "reader@docs> "
# For a command; the machine may be busy.
LIMIT = 180.0
OUTPUT = "#> "


class Terminal:
    def __init__(self, shell: pexpect.spawn[str], port: int) -> None:
        self._shell = shell
        self._port = port
        self._reader: Thread | None = None

    def type(self, commands: str) -> str:
        """Their output. Fails when one of them does, or does not print the lines after `#> `."""
        expected = [
            line.removeprefix(OUTPUT).strip()
            for line in commands.splitlines()
            if line.startswith(OUTPUT)
        ]
        # A command that fails ends the shell, and with it the test.
        self._send(f"set -e\n{commands}\nset +e")
        # Shown by the prompt that follows the last of them, and by none in a multi-line command.
        self._shell.sendline("echo all-typed")
        try:
            self._shell.expect_exact(f"all-typed\r\n{PROMPT}")
        except pexpect.EOF:
            raise AssertionError(f"failed: {commands}\n{self._shell.before}") from None
        output = _plain(self._shell.before or "")
        for line in expected:
            assert line in output, f"{line!r} is not in the output of {commands}\n{output}"
        return output

    def serve(self, command: str) -> None:
        """Types a command that runs until `interrupt`, and does not wait."""
        self._send(command)
        # Somebody has to read on: a server whose output nobody takes stands still.
        self._reader = Thread(target=self._read_on, daemon=True)
        self._reader.start()

    def interrupt(self) -> None:
        """Ctrl-C."""
        assert self._reader
        self._shell.sendintr()
        self._reader.join(LIMIT)
        assert not self._reader.is_alive(), "Ctrl-C does not end it"

    def _read_on(self) -> None:
        # A test that has failed closes the shell meanwhile.
        with contextlib.suppress(OSError, ValueError, pexpect.EOF):
            self._shell.expect_exact(PROMPT, timeout=None)

    def _send(self, commands: str) -> None:
        for line in commands.replace("8000", str(self._port)).splitlines():
            if not line.startswith(OUTPUT):
                self._shell.sendline(line)


@contextlib.contextmanager
def terminal(directory: Path, env: Mapping[str, str], port: int, log: Path) -> Iterator[Terminal]:
    """`env` is all of its environment; in what is typed `port` takes the place of 8000. `log`
    gets all that is to be seen."""
    shell = pexpect.spawn(
        component("bash"),
        ["--norc", "--noprofile"],
        cwd=directory,
        preexec_fn=allow_interrupt,
        # Nothing in the output but what the commands print, and this prompt.
        env={
            **env,
            "TERM": "dumb",
            "PS1": PROMPT,
            "PS2": "",
            "INPUTRC": os.devnull,
            "VIRTUAL_ENV_DISABLE_PROMPT": "1",
        },
        encoding="utf-8",
        codec_errors="replace",
        dimensions=(50, 500),
        echo=False,
        timeout=LIMIT,
    )
    with log.open("w") as shell.logfile_read, contextlib.closing(shell):
        shell.expect_exact(PROMPT)
        yield Terminal(shell, port)


def link_environment(directory: Path) -> None:
    """A `.venv` in the directory with what is installed here, as `make` would have made it."""
    venv = directory / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    [site_packages] = venv.glob("lib/python*/site-packages")
    installed = Path(pexpect.__file__).parents[1]
    (site_packages / "installed.pth").write_text(f"{installed}\n")
    # Scripts begin with the path of the Python they were installed for.
    for program in Path(sys.executable).parent.iterdir():
        if not (venv / "bin" / program.name).exists():
            (venv / "bin" / program.name).symlink_to(program)
    for stamp in ("installed", "installed-dev"):
        (venv / stamp).touch()


def _plain(output: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", output).replace(PROMPT, "")
