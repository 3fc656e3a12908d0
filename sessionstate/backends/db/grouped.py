"""Saves on a storage that has one writer at a time.

They would wait for one another anyway, each in a thread. Here those of an event loop that come
while one is under way share a thread and a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from sessionstate.backends.base import Address, Info, Stamp
from sessionstate.conf import conf
from sessionstate.errors import StoreUnavailable
from sessionstate.threads import in_thread
from sessionstate.together import Together

# Address, changes, stamp, limit, token, version: as `Backend.save` takes them.
Save: TypeAlias = tuple[Address, Mapping[str, bytes | None], Stamp, int, str | None, int | None]
Saved: TypeAlias = Info | Exception

_MOST = 100  # in one transaction


class GroupedSaves:
    def __init__(self, save_all: Callable[[Sequence[Save]], list[Saved]]) -> None:
        """`save_all` makes one transaction of them, and yet answers each for itself."""
        self._save_all = save_all
        self._together: Together[Save, Saved] = Together(
            self._answers, most=_MOST, patience=lambda: conf.store_timeout / 2
        )

    async def save(self, save: Save) -> Info:
        saved = await self._together.ask(save)
        if isinstance(saved, Exception):
            raise saved
        return saved

    async def _answers(self, saves: Sequence[Save]) -> list[Saved]:
        try:
            return await in_thread(self._save_all, saves)
        except StoreUnavailable:
            raise
        except Exception as error:
            # What the database cannot take is nobody else's business.
            if len(saves) == 1:
                return [error]
            return [saved for save in saves for saved in await self._answers([save])]
