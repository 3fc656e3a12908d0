"""A last call while threads still work.

`atexit` comes too late: `concurrent.futures` has shut its threads by then, and with them every
use of the database from async code. Its own hook is the one for us.
"""

import threading
from collections.abc import Callable


def before_threads_end(function: Callable[[], None]) -> None:
    threading._register_atexit(function)  # type: ignore[attr-defined]
