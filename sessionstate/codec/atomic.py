from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID

_IMMUTABLE = frozenset(
    (
        *(type(None), bool, int, float, complex, str, bytes),
        *(date, datetime, time, timedelta, Decimal, UUID),
        *(type(Path()), PurePosixPath, PureWindowsPath),
    )
)
# Looking through a big tuple would cost more than encoding it.
_MOST_PARTS = 64


def is_atomic(value: Any) -> bool:
    """True when nothing in `value` can change, so that only a new value can be a change."""
    if type(value) in _IMMUTABLE:
        return True
    waiting, seen = [value], 0
    while waiting:
        part = waiting.pop()
        if type(part) is tuple or type(part) is frozenset:
            seen += 1 + len(part)
            if seen > _MOST_PARTS:
                return False
            waiting.extend(part)
        elif type(part) not in _IMMUTABLE:
            return False
    return True
