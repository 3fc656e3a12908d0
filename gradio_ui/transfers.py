"""Between the directory of this process and the storage of all, see `gradio_ui.storage`.

A file that somebody names is brought here before Gradio looks for it, if it may be read from the
place of the request or event; one that is named to somebody is kept there before it is named. What
lies here is a copy: after a day it goes, and comes again when it is asked for.
"""

import asyncio
import dataclasses
import os
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel

from gradio_ui import files, places, storage
from gradio_ui.conf import conf
from gradio_ui.places import Place

# Files of one request or event that are looked for in the storage.
_MOST = 1000
# Visitors whose paths one request or event may name, of whom the storage is asked who they became.
_MOST_VISITORS = 4
# Seconds for which a copy stays, and between two looks for old ones.
KEPT = 24 * 3600
_ROUND = 600
# Files of which it is known that the storage has them as they are here.
_MAX_KNOWN = 10_000

Stamp = tuple[int, int]
_known: OrderedDict[Path, Stamp] = OrderedDict()
# Under way, so that a file that several ask for comes once.
_arriving: dict[Path, asyncio.Future[bool]] = {}
_published: set[str] = set()
_next_round = 0.0


async def bring(value: Any) -> None:
    """Every file that is named in there, if it is not here. Raises `Unavailable`, `TooLarge`."""
    place = places.current()
    if not place.user:
        return
    named = list(islice(_paths(value), _MOST))
    await _follow(named, place)
    missing = {path for path in _within(named, place) if not path.exists()}
    await asyncio.gather(*(_fetch(path, place) for path in missing))


async def keep(value: Any, *, anew: bool = False) -> None:
    """Every file of this place that is named in there, unless it is known to be kept; `anew`: in
    any case. Raises `Unavailable`."""
    place = places.current()
    if not place.user:
        return
    found = {path: stamp for path in _within(_paths(value), place) if (stamp := _stamp(path))}
    new = {path: stamp for path, stamp in found.items() if anew or _known.get(path) != stamp}
    await asyncio.gather(*(storage.in_thread(storage.put, path) for path in new))
    for path, stamp in new.items():
        _note(path, stamp)
    if new:
        _tidy()


def publish(app: str) -> None:
    """Once: what is for everybody in an app. A page that this process has made may name to
    another one what that has made otherwise."""
    if app not in _published:
        _published.add(app)
        storage.pool().submit(_publish, app)


def _publish(app: str) -> None:
    place = Place(app, None)
    try:
        for path, _ in files.local(place.own, place.examples):
            if not storage.exists(path):
                storage.put(path)
    except storage.Unavailable:
        _published.discard(app)


def here(path: str) -> Path:
    """For `gradio_ui.local_file`. Blocks."""
    place = places.current()
    found = next(_within([path], place), None)
    if found is None:
        raise PermissionError(f"{path} is no file of this user in this app.")
    if not found.exists() and not (storage.is_used() and storage.fetch(found, _most(place))):
        raise FileNotFoundError(f"{path} is not there any more.")
    return found


def trim() -> None:
    """Old copies of this process go: of those that the storage has. It may not have what was here
    before it was used."""
    latest = time.time() - KEPT
    for path, info in files.local(storage.arriving()):
        if info.st_mtime < latest:
            path.unlink(missing_ok=True)  # of a process that was killed
    for path, info in files.local(places.users()):
        if info.st_mtime < latest and (path in _known or storage.exists(path)):
            _known.pop(path, None)
            files.remove_local(path)


def _paths(value: Any) -> Iterator[str]:
    """What may be a path below the root, anywhere in a value of a callback."""
    starts = tuple(f"{root}{os.sep}" for root in _roots())
    waiting, seen = [value], set()
    while waiting:
        part = waiting.pop()
        if isinstance(part, (str, os.PathLike)):
            text = os.fspath(part)
            if isinstance(text, str) and text.startswith(starts) and "\0" not in text:
                yield text
        elif (inside := _inside(part)) is not None and id(part) not in seen:
            seen.add(id(part))
            waiting.extend(inside)


def _roots() -> tuple[str, str]:
    """As it is configured, and without links."""
    root = os.path.abspath(places.root())
    return root, os.path.realpath(root)


def _inside(value: Any) -> Iterable[Any] | None:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    # The latter is what a component is that a callback makes to change one.
    if isinstance(value, (BaseModel, SimpleNamespace)):
        return vars(value).values()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return None


def _within(paths: Iterable[str], place: Place) -> Iterator[Path]:
    """Those that may be read from there, without links and detours."""
    root = _roots()[1]
    readable = [os.path.realpath(directory) for directory in place.readable]
    for path in paths:
        real = Path(os.path.realpath(path))
        if any(real.is_relative_to(directory) for directory in readable):
            yield places.root() / real.relative_to(root)


async def _follow(paths: Iterable[str], place: Place) -> None:
    """Paths of a visitor whom this user was, as another process has noted."""
    visitors = set()
    for path in paths:
        for users in (Path(root, "users") for root in _roots()):
            if (named := Path(os.path.normpath(path))).is_relative_to(users) and named != users:
                visitors.add(unquote(named.relative_to(users).parts[0]))
    visitors.discard(place.user or "")
    for visitor in islice((v for v in visitors if v.startswith("visitor-")), _MOST_VISITORS):
        chain = [visitor]
        while chain[-1] != place.user and len(chain) <= _MOST_VISITORS:
            heir = await storage.in_thread(storage.heir_of, chain[-1])
            if heir is None:
                break
            chain.append(heir)
        if len(chain) > 1 and chain[-1] == place.user:
            await storage.in_thread(files.lead, visitor, chain[-1])


async def _fetch(path: Path, place: Place) -> None:
    if (arriving := _arriving.get(path)) is None:
        loop = asyncio.get_running_loop()
        arriving = loop.run_in_executor(storage.pool(), storage.fetch, path, _most(place))
        _arriving[path] = arriving
        arriving.add_done_callback(lambda done: _arrived(path, done))
    # Whoever else waits for it still does when this request goes away.
    await asyncio.shield(arriving)


def _arrived(path: Path, done: asyncio.Future[bool]) -> None:
    _arriving.pop(path, None)
    if not done.cancelled() and done.exception() is None and (stamp := _stamp(path)):
        _note(path, stamp)
        _tidy()


def _most(place: Place) -> int:
    return max(conf.max_upload, place.allowance.bytes)


def _stamp(path: Path) -> Stamp | None:
    try:
        info = path.stat()
    except OSError:
        return None
    return (info.st_mtime_ns, info.st_size) if path.is_file() else None


def _note(path: Path, stamp: Stamp) -> None:
    _known[path] = stamp
    _known.move_to_end(path)
    while len(_known) > _MAX_KNOWN:
        _known.popitem(last=False)


def _tidy() -> None:
    global _next_round
    now = time.monotonic()
    if now >= _next_round:
        _next_round = now + _ROUND
        storage.pool().submit(trim)
