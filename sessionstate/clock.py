"""The one clock. Everything that expires asks it, so that a test can move time for all at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime

_offset = 0.0


def timestamp() -> float:
    """Seconds since the epoch."""
    return time.time() + _offset


def now() -> datetime:
    """An aware datetime in UTC."""
    return datetime.fromtimestamp(timestamp(), UTC)


def offset() -> float:
    """Seconds that are to be added to the time of a server, which no test can move: 0."""
    return _offset


def shift(seconds: float) -> None:
    """Moves the clock of this process; for tests."""
    global _offset
    _offset += seconds


def reset() -> None:
    global _offset
    _offset = 0.0
