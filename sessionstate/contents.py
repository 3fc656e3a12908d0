"""What a session holds, for operators to look at. Nothing here changes or extends a session."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass

from django.views.debug import SafeExceptionReporterFilter

from sessionstate.backends import get_backend
from sessionstate.backends.base import Address, Kind
from sessionstate.errors import Unreadable
from sessionstate.keys import is_public
from sessionstate.mapping import Values

MAX_SHOWN = 600

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = MAX_SHOWN
_short.maxlist = _short.maxtuple = _short.maxdict = _short.maxset = _short.maxfrozenset = 20
_filter = SafeExceptionReporterFilter()


@dataclass(frozen=True, slots=True)
class Entry:
    """One key. `value` is a shortened `repr`, `None` when it is hidden: values of the framework's
    keys (`_auth_user_hash` is a secret) and of keys that sound like secrets, as in Django's error
    reports."""

    key: str
    type: str
    size: int
    value: str | None

    @property
    def framework(self) -> bool:
        return not is_public(self.key)


def entries(session_id: str) -> list[Entry] | None:
    """The keys of a live session, sorted, the framework's last; `None` when it has ended."""
    snapshot = get_backend().load(Address(Kind.SESSION, session_id))
    if snapshot is None:
        return None
    values = Values(snapshot.values)
    found = [_entry(key, len(data), values) for key, data in snapshot.values.items()]
    return sorted(found, key=lambda entry: (entry.framework, entry.key))


def _entry(key: str, size: int, values: Values) -> Entry:
    try:
        value = values[key]
    except Unreadable as error:
        return Entry(key, "unreadable", size, str(error))
    hidden = not is_public(key) or _filter.hidden_settings.search(key)
    return Entry(key, _type_name(value), size, None if hidden else _shown(key, value))


def _shown(key: str, value: object) -> str:
    try:
        text = _short.repr(_filter.cleanse_setting(key, value))
    except RecursionError:
        return "nested too deeply to be shown"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _type_name(value: object) -> str:
    name = type(value).__name__
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"{name} {' × '.join(map(str, shape))}"
    if isinstance(value, list | tuple | set | frozenset | dict):
        return f"{name} of {len(value)}"
    return name
