"""A mapping over encoded values: each is decoded when it is first read, and what changed is known.

No I/O and no Django here. `raw` is what the store holds; `changes()` is what it does not yet.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, MutableMapping
from typing import Any

from sessionstate.codec import DecodeError, EncodeError, decode, encode, is_atomic
from sessionstate.errors import NotStorable, Unreadable

# Changes of one record: the encoded new value of a key, or None for a key that is to go.
Changes = dict[str, bytes | None]


MAX_KEY_LENGTH = 255


class Values(MutableMapping[str, Any]):
    __slots__ = ("_assigned", "_live", "_raw", "_removed")

    def __init__(self, raw: Mapping[str, bytes] | None = None) -> None:
        self._raw: dict[str, bytes] = dict(raw or {})
        self._live: dict[str, Any] = {}
        # Keys that were set since, with the encoded value if it cannot change inside.
        self._assigned: dict[str, bytes | None] = {}
        self._removed: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        if key in self._live:
            return self._live[key]
        if key in self._removed or key not in self._raw:
            raise KeyError(key)
        try:
            value = self._read(key, self._raw[key])
        except DecodeError as error:
            raise Unreadable(key, str(error)) from error
        self._live[key] = value
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        _check_key(key)
        value = self._accept(key, value)
        encoded = self._encode(key, value)  # refused here, where one sees which line did it
        self._live[key] = value
        self._assigned[key] = encoded if is_atomic(value) else None
        self._removed.discard(key)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._live.pop(key, None)
        self._assigned.pop(key, None)
        if key in self._raw:
            self._removed.add(key)

    def __contains__(self, key: object) -> bool:
        return key in self._live or (key in self._raw and key not in self._removed)

    def __iter__(self) -> Iterator[str]:
        yield from [key for key in self._raw if key not in self._removed]
        yield from [key for key in self._live if key not in self._raw]

    def __len__(self) -> int:
        return len(self._raw) - len(self._removed) + sum(k not in self._raw for k in self._live)

    def __repr__(self) -> str:
        # Never the values: reprs end up in logs and tracebacks.
        return f"<{type(self).__name__} of {len(self)} keys>"

    def clear(self) -> None:
        self._live.clear()
        self._assigned.clear()
        self._removed = set(self._raw)

    def changes(self) -> Changes:
        """What differs from the store, nested changes included. Raises `NotStorable`."""
        changes: Changes = dict.fromkeys(self._removed)
        for key, value in self._live.items():
            encoded = self._assigned.get(key)
            if encoded is None:
                if key not in self._assigned and is_atomic(value):
                    continue  # only read, and cannot have changed inside
                encoded = self._encode(key, value)
            if self._raw.get(key) != encoded:
                changes[key] = encoded
        return changes

    @property
    def changed(self) -> bool:
        try:
            return bool(self.changes())
        except NotStorable:
            return True  # the save that follows says what is wrong

    def encoded(self) -> dict[str, bytes]:
        """All values as they would be stored."""
        encoded = {key: data for key, data in self._raw.items() if key not in self._removed}
        encoded |= {key: data for key, data in self.changes().items() if data is not None}
        return encoded

    def sizes(self) -> dict[str, int]:
        """Bytes that each key takes in the store, unsaved changes included."""
        return {key: len(data) for key, data in self.encoded().items()}

    def reset(self, raw: Mapping[str, bytes]) -> None:
        """Takes the stored values and drops every change made here."""
        self._raw = dict(raw)
        self._live.clear()
        self._assigned.clear()
        self._removed.clear()

    def apply(self, changes: Mapping[str, bytes | None]) -> None:
        """Repeats changes that `changes()` gave earlier."""
        for key, data in changes.items():
            if data is None:
                self.pop(key, None)
            else:
                self[key] = self._read(key, data)

    def take_over(self, values: Values, anew: Container[str]) -> None:
        """Becomes what `values` are, with unsaved changes. Decoded values stay the same objects,
        but for the keys in `anew`, which are read and checked here."""
        changes = values.changes()
        self._raw = values._raw
        self._live = {key: value for key, value in values._live.items() if key not in anew}
        self._assigned = {key: data for key, data in values._assigned.items() if key in self._live}
        self._removed = set(values._removed)
        for key, data in changes.items():
            if data is not None and key in anew:
                self[key] = values[key]

    def settle(self, raw: Mapping[str, bytes]) -> None:
        """Takes note that the store holds exactly `raw` now; decoded values stay as they are."""
        self.settle_changes(raw)
        self._raw = dict(raw)
        self._removed &= self._raw.keys()

    def settle_changes(self, changes: Mapping[str, bytes | None]) -> None:
        """Takes note that these changes are in the store now. What was changed here while they
        were on their way is still to be saved."""
        raw = self._raw.copy()
        for key, data in changes.items():
            if data is None:
                raw.pop(key, None)
                self._removed.discard(key)
                continue
            if key not in self._live and key not in self._raw:
                self._removed.add(key)
            elif self._assigned.get(key) in (None, data):
                self._assigned.pop(key, None)
            raw[key] = data
        self._raw = raw

    def rebase(self, raw: Mapping[str, bytes]) -> None:
        """Takes newer stored values and keeps the changes made here on top of them."""
        changes = self.changes()
        self._live = {key: self._live[key] for key, data in changes.items() if data is not None}
        self._assigned = {
            key: changes[key] if is_atomic(value) else None for key, value in self._live.items()
        }
        self._removed = {key for key, data in changes.items() if data is None and key in raw}
        self._raw = dict(raw)

    def _encode(self, key: str, value: Any) -> bytes:
        try:
            return self._dump(key, value)
        except EncodeError as error:
            raise NotStorable(key, type(value).__name__, str(error)) from error

    # What `typed.TypedValues` does for declared keys.

    def _accept(self, key: str, value: Any) -> Any:
        return value

    def _dump(self, key: str, value: Any) -> bytes:
        return encode(value)

    def _read(self, key: str, data: bytes) -> Any:
        return decode(data)


def _check_key(key: object) -> None:
    """Keys are what every database takes as an indexed text column."""
    if type(key) is not str:
        raise NotStorable(key, type(key).__name__, "keys are str")
    if not 0 < len(key) <= MAX_KEY_LENGTH:
        raise NotStorable(key[:40], "key", f"keys have 1 to {MAX_KEY_LENGTH} characters")
    if "\x00" in key or any("\ud800" <= char <= "\udfff" for char in key):
        raise NotStorable(key, "key", "keys hold no NUL and no lone surrogates")
