"""Plain text for terminals."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType

from django.core.management.base import OutputWrapper


def clean(text: str) -> str:
    """Without control characters: user agents and keys come from outside, and a terminal obeys
    what it is sent."""
    return "".join(
        char if char.isprintable() else " " if char.isspace() else "\ufffd" for char in text
    )


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> str:
    """Aligned columns; those named in `right` to the right."""
    lines = [list(headers), *([clean(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if header in right else cell.ljust(width)
            for header, cell, width in zip(headers, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def pairs(facts: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in facts)
    return "\n".join(f"{name.ljust(width)}  {clean(value)}" for name, value in facts)


class Ticker:
    """Says every few seconds, on a terminal only, that work goes on: the store does it in one call
    and reports at its end."""

    def __init__(self, out: OutputWrapper, doing: str, every: float = 2.0) -> None:
        self._out, self._doing, self._every = out, doing, every
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def _tick(self) -> None:
        started = time.monotonic()
        while not self._done.wait(self._every):
            self._out.write(f"... {self._doing}, {time.monotonic() - started:.0f} s")

    def __enter__(self) -> None:
        if self._out.isatty():
            self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()
