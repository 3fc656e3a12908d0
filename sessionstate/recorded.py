"""What a Django session can say and do because a record is behind it, whoever has loaded it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AbstractContextManager

from django.contrib.sessions.backends.base import SessionBase

from sessionstate.backends.base import Info
from sessionstate.errors import SessionGone
from sessionstate.lifetime import needs_touch
from sessionstate.mapping import Changes, Values
from sessionstate.record import StoredRecord


class RecordedSession(SessionBase):
    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._record: StoredRecord | None = None

    @property
    def modified(self) -> bool:
        """Also true after a change inside a nested value, which Django's engines do not see."""
        return self._modified or self._pending() != self._acknowledged

    @modified.setter
    def modified(self, value: bool) -> None:
        self._modified = value
        if not value:  # whoever says so means the changes so far
            self._acknowledged = self._pending()

    def _pending(self) -> Changes:
        cache: Values | None = self.__dict__.get("_session_cache")
        return cache.changes() if cache is not None else {}

    @property
    def info(self) -> Info | None:
        """What the store knows of this session, once loaded or saved."""
        return self._record.info if self._record else None

    @property
    def short_id(self) -> str:
        """For logs and lists; too short to be of use to anybody else."""
        return (self.session_key or "")[:8]

    def atomic(self) -> AbstractContextManager[None]:
        """`with session.atomic():` read, modify, write under a lock. See `StoredRecord.atomic`."""
        return self._lockable().atomic()

    def aatomic(self) -> AbstractAsyncContextManager[None]:
        return self._lockable().aatomic()

    def save_at(self, version: int) -> None:
        """Writes what changed; `VersionConflict` when the session is no longer at this version."""
        self._lockable().save(version=version)

    def _lockable(self) -> StoredRecord:
        if self._record is None:
            raise SessionGone("only a loaded or saved session can be locked")
        return self._record

    def touch_if_due(self) -> bool:
        """Slides the idle limit when the last noted use is old enough. `False`: it has ended."""
        return self._record.touch() if self._record and self._touch_due() else True

    async def atouch_if_due(self) -> bool:
        return await self._record.atouch() if self._record and self._touch_due() else True

    def _touch_due(self) -> bool:
        return self.info is not None and needs_touch(used=self.info.used, expires=self.info.expires)
