"""Where state is kept. `get_backend()` is the one that the settings name."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from sessionstate.backends.base import Backend
from sessionstate.backends.timed import Note, Timed
from sessionstate.conf import conf

_note: Note | None = None
SHORT_NAMES = ("memory", "db", "cache", "redis")


@lru_cache(maxsize=8)
def _load(name: str) -> Backend:
    path = f"{__name__}.{name}.Backend" if name in SHORT_NAMES else name
    try:
        backend: Backend = import_string(path)()
    except ImportError as error:
        raise ImproperlyConfigured(
            f"SESSIONSTATE_BACKEND = {name!r}: {error}. "
            f"Use one of {', '.join(SHORT_NAMES)} or the dotted path of a backend class."
        ) from error
    return backend if _note is None else cast(Backend, Timed(backend, _note))


def get_backend() -> Backend:
    return _load(conf.backend)


def time_backend(note: Note) -> None:
    """Tell `note` of every operation from now on."""
    global _note
    _note = note
    _load.cache_clear()


def _forget(*, setting: str, **_: object) -> None:
    if setting.startswith("SESSIONSTATE_") or setting == "CACHES":
        _load.cache_clear()


setting_changed.connect(_forget)
