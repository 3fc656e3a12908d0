"""The registry of logins: who is signed in where, and how that ends. The same on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sessionstate.backends import get_backend
from sessionstate.backends.base import OWNED, Address, Info, Kind, Stamp
from sessionstate.conf import conf
from sessionstate.errors import StoreUnavailable
from sessionstate.signals import session_moved, session_revoked
from sessionstate.threads import in_thread

if TYPE_CHECKING:
    from sessionstate.graves import Watch

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Login:
    """A live session as people see it: times are aware datetimes, `size` is in bytes."""

    id: str
    user: str
    created: datetime
    used: datetime
    expires: datetime
    ip: str
    user_agent: str
    version: int
    size: int

    @property
    def short_id(self) -> str:
        return self.id[:8]


def _login(info: Info) -> Login:
    return Login(
        id=info.id,
        user=info.owner,
        created=datetime.fromtimestamp(info.created, UTC),
        used=datetime.fromtimestamp(info.used, UTC),
        expires=datetime.fromtimestamp(info.expires, UTC),
        ip=info.ip,
        user_agent=info.user_agent,
        version=info.version,
        size=info.size,
    )


def _session(session_id: str) -> Address:
    return Address(Kind.SESSION, session_id)


def live(*, limit: int = 100, after: str = "") -> list[Login]:
    """A page of all live sessions, by ascending id from the first greater than `after`."""
    return [_login(info) for info in get_backend().infos(Kind.SESSION, after=after, limit=limit)]


async def alive(*, limit: int = 100, after: str = "") -> list[Login]:
    infos = await get_backend().ainfos(Kind.SESSION, after=after, limit=limit)
    return [_login(info) for info in infos]


def each(user_id: str | None = None) -> Iterator[Login]:
    """All live sessions, of one user or of everybody, page by page."""
    after = ""
    while infos := get_backend().infos(Kind.SESSION, owner=user_id, after=after, limit=_PAGE):
        yield from map(_login, infos)
        after = infos[-1].id


def for_user(user_id: Any) -> list[Login]:
    """The user's live sessions, the last used first."""
    return sorted(each(str(user_id)), key=lambda login: login.used, reverse=True)


async def afor_user(user_id: Any) -> list[Login]:
    found: list[Login] = []
    after = ""
    while infos := await get_backend().ainfos(
        Kind.SESSION, owner=str(user_id), after=after, limit=_PAGE
    ):
        found += map(_login, infos)
        after = infos[-1].id
    return sorted(found, key=lambda login: login.used, reverse=True)


def end(session_id: str) -> Info | None:
    """Removes a session and all that is its; says what it was, `None` if there was none."""
    backend = get_backend()
    info = backend.delete(_session(session_id))
    for kind in OWNED:
        while records := backend.infos(kind, owner=session_id, limit=_PAGE):
            for record in records:
                backend.delete(Address(kind, record.id))
    if info is not None:
        session_revoked.send(Login, session_id=session_id, user_id=info.owner)
    return info


async def aend(session_id: str) -> Info | None:
    backend = get_backend()
    info = await backend.adelete(_session(session_id))
    for kind in OWNED:
        while records := await backend.ainfos(kind, owner=session_id, limit=_PAGE):
            for record in records:
                await backend.adelete(Address(kind, record.id))
    if info is not None:
        await session_revoked.asend(Login, session_id=session_id, user_id=info.owner)
    return info


def move(old_id: str, new_id: str) -> None:
    """What a session owns beside its values, when it goes on under a new id: the state of its
    tabs. Claims go with the old one, and whoever uses the page next makes them anew."""
    backend, after = get_backend(), ""
    while tabs := backend.infos(Kind.TAB, owner=old_id, after=after, limit=_PAGE):
        for tab in tabs:
            if found := backend.load(Address(Kind.TAB, tab.id)):
                address = Address(Kind.TAB, f"{new_id}:{tab.id.partition(':')[2]}")
                stamp = Stamp(used=tab.used, expires=tab.expires, owner=new_id)
                backend.create(address, found.values, stamp, limit=max(conf.max_bytes, tab.size))
        after = tabs[-1].id
    session_moved.send(Login, old_id=old_id, new_id=new_id)


def revoke(session_id: str) -> bool:
    """Ends one session; `False` when there was none."""
    return end(session_id) is not None


async def arevoke(session_id: str) -> bool:
    return await aend(session_id) is not None


def revoke_user(user_id: Any, *, except_id: str | None = None) -> int:
    """Ends the user's sessions, all or all but one; returns how many."""
    try:
        return sum(revoke(login.id) for login in for_user(user_id) if login.id != except_id)
    except StoreUnavailable as error:
        if watch := _watch():
            watch.leave_user(str(user_id), except_id, error)
        raise


async def arevoke_user(user_id: Any, *, except_id: str | None = None) -> int:
    try:
        logins = [login for login in await afor_user(user_id) if login.id != except_id]
        return sum([await arevoke(login.id) for login in logins])
    except StoreUnavailable as error:
        if watch := _watch():
            await in_thread(watch.leave_user, str(user_id), except_id, error)
        raise


def _watch() -> Watch | None:
    """Of a backend whose store can be down while the database is not."""
    return getattr(get_backend(), "watch", None)
