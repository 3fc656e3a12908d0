"""A process of the project that serves nobody, like a command that an operator runs."""

import subprocess
import sys

from tests.servers import BASE_DIR

# Evaluates or executes each line of its input, and answers with the value.
_CODE = """
import sys, django
django.setup()
from django.contrib.auth.models import Group, Permission, User
from accounts.programs import revoke_key
from sessionstate import UserState, logins
for line in sys.stdin:
    try:
        code = compile(line, "line", "eval")
    except SyntaxError:
        code = compile(line, "line", "exec")
    print(repr(eval(code)), flush=True)
"""


class Worker:
    def __init__(self, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE],
            cwd=BASE_DIR,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, line: str) -> str:
        """The value of a line of Python, as `repr` has it."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the worker has failed"
        return answer.strip()

    def close(self) -> None:
        self._process.communicate(timeout=20)
        assert self._process.returncode == 0
