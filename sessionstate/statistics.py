"""Counts over everything that the store holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from sessionstate.backends import get_backend
from sessionstate.backends.base import Info, Kind

_PAGE = 500


@dataclass
class Tally:
    """Of the live records of one kind; moments are epoch seconds, `None` without records."""

    records: int = 0
    bytes: int = 0
    largest: int = 0
    oldest: float | None = None
    newest: float | None = None
    last_use: float | None = None
    anonymous: int = 0
    owners: set[str] = field(default_factory=set)

    def add(self, info: Info) -> None:
        self.records += 1
        self.bytes += info.size
        self.largest = max(self.largest, info.size)
        self.oldest = min(self.oldest or info.created, info.created)
        self.newest = max(self.newest or info.created, info.created)
        self.last_use = max(self.last_use or info.used, info.used)
        if info.owner:
            self.owners.add(info.owner)
        else:
            self.anonymous += 1


def tally(kind: Kind) -> Tally:
    found, after = Tally(), ""
    while infos := get_backend().infos(kind, after=after, limit=_PAGE):
        for info in infos:
            found.add(info)
        after = infos[-1].id
    return found
