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


def shift(seconds: float) -> None:
    """Moves the clock of this process; for tests."""
    global _offset
    _offset += seconds


def reset() -> None:
    global _offset
    _offset = 0.0
