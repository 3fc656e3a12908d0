"""What a request names of that which Gradio keeps between requests, and where it names it.

Pure: no I/O, no state. The gate asks here whose things a request is about.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Clients draw a dozen characters (the page) or a UUID (gradio_client); events have 65.
MAX_LENGTH = 128
# Of one kind in one request. Clients send one; each is looked up, and counts as one of its user's.
MOST = 4

SESSION_HASH, EVENT_ID, UPLOAD_ID = "session_hash", "event_id", "upload_id"
KEYS = (SESSION_HASH, EVENT_ID, UPLOAD_ID)


class BadName(ValueError):
    """A name that no client of Gradio's would send."""


@dataclass(frozen=True, slots=True)
class Names:
    """Every name once. A request that gives two values for one, for instance in its query, names
    both: which of them Gradio would use must not matter."""

    session_hashes: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()
    upload_ids: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.session_hashes or self.event_ids or self.upload_ids)


NOTHING = Names()


def collect(
    path: Mapping[str, str],
    query: Iterable[tuple[str, str]] = (),
    body: Iterable[tuple[str, Any]] = (),
) -> Names:
    """The names in a path's groups, in (key, value) pairs of a query and of a body.

    Other keys are ignored. Raises `BadName`.
    """
    found: dict[str, dict[str, None]] = {key: {} for key in KEYS}
    for key, value in _pairs(path.items(), query, body):
        if key in found and value is not None:
            found[key][_checked(key, value)] = None
            if len(found[key]) > MOST:
                raise BadName(f"A request may name one {key}.")
    return Names(*(tuple(values) for values in found.values()))


def _pairs(*sources: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for source in sources:
        yield from source


def _checked(key: str, value: Any) -> str:
    if not (
        isinstance(value, str)
        and 0 < len(value) <= MAX_LENGTH
        # PostgreSQL keeps no NUL, and half a surrogate pair is no text at all.
        and value.isascii()
        and value.isprintable()
    ):
        raise BadName(f"{key} must be a text of 1 to {MAX_LENGTH} printable ASCII characters.")
    return value
