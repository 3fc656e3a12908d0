"""What was read of a record a moment ago, in place of reading it again.

The gate reads the session with every request. A callback that begins at once would read the same
record once more, a round trip later. It may have what the gate has read, as long as this process
has written nothing to the record since. So it sees all that was saved before its request was sent,
in whatever process, and all that this process has saved until it begins. Who had to wait reads
anew.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Self

from django.dispatch import receiver

from sessionstate.backends.base import Address, Snapshot
from sessionstate.signals import values_changed

# Seconds.
MOMENT = 0.05
# Bytes: what is kept may wait in a queue with its request.
MOST = 64 * 1024

_lock = threading.Lock()
# When this process has last written to a record, in that order; those of the last moment.
_written: dict[Address, float] = {}


@dataclass(frozen=True, slots=True)
class Reading:
    """`began`: the (monotonic) time before the store was asked."""

    # Never in a log.
    snapshot: Snapshot = field(repr=False)
    began: float

    @classmethod
    def of(cls, snapshot: Snapshot | None, began: float) -> Self | None:
        return cls(snapshot, began) if snapshot and snapshot.info.size <= MOST else None

    @property
    def is_current(self) -> bool:
        info = self.snapshot.info
        written = _written.get(Address(info.kind, info.id), float("-inf"))
        return written < self.began and time.monotonic() - self.began <= MOMENT


@receiver(values_changed)
def _note(address: Address, **_: Any) -> None:
    now = time.monotonic()
    with _lock:
        _written.pop(address, None)
        _written[address] = now
        while _written[first := next(iter(_written))] < now - MOMENT:
            del _written[first]
