"""The files of users in object storage, for processes that share no directory.

`STORAGES["gradio"]` says which; without it nothing of this is used. Gradio reads and writes local
paths, so each process keeps a directory of its own, and `gradio_ui.transfers` brings files from
here and keeps them here. A file has the same name here as below `gradio_ui.places.root()`: whose
it is stands in it. Everything blocks, and raises `Unavailable` where the storage does not answer.
"""

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar
from urllib.parse import quote, unquote
from uuid import uuid4

from django.core.cache import cache as site_cache
from django.core.files.base import ContentFile, File
from django.core.files.storage import storages

from gradio_ui import places
from gradio_ui.bodies import TooLarge

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger(__name__)

ALIAS = "gradio"
_CHUNK = 1024 * 1024
# Threads that move files, so that a slow storage takes none from the session store.
_THREADS = 8
# Seconds for which the sum of a user's bytes is believed; what is kept and removed meanwhile is
# counted in.
_SUM_AGE = 60
# Seconds after which a failure counts as one of waiting, and for which the next ones fail at once:
# many that wait one after the other would wait long.
_PATIENCE, _REST = 1.0, 2.0
_resting_until = 0.0


class Unavailable(Exception):
    """The storage does not answer, or refuses."""


class Stored(NamedTuple):
    path: Path
    size: int
    # Seconds since 1970.
    written: float


def is_used() -> bool:
    return ALIAS in storages.backends


async def in_thread(func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    return await asyncio.get_running_loop().run_in_executor(pool(), lambda: func(*args, **kwargs))


@cache
def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="gradio-files")


def put(path: Path) -> None:
    """Keep a file. What has its name is replaced, which is as good: names contain a hash of the
    content."""
    key = _key(path)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return  # it has vanished meanwhile
    with file, _reaching():
        is_new = not _storage().exists(key)
        _save(key, File(file))
        if is_new and (user := _user(path)):
            with suppress(ValueError):  # nobody has asked for the sum
                site_cache.incr(_sum(user), os.fstat(file.fileno()).st_size)


def fetch(path: Path, most: int) -> bool:
    """Write a file to its path, whole or not at all; `False` where there is none.

    Raises `TooLarge` beyond `most` bytes.
    """
    part = arriving() / uuid4().hex
    try:
        with _reaching():
            try:
                source = _storage().open(_key(path))
            except FileNotFoundError:
                return False
            with source:
                if source.size > most:
                    raise TooLarge(most)
                part.parent.mkdir(parents=True, exist_ok=True)
                with part.open("xb") as target:
                    shutil.copyfileobj(source, target, _CHUNK)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(part, path)
        return True
    finally:
        part.unlink(missing_ok=True)


def arriving() -> Path:
    """Of files on their way to this disk."""
    return places.root() / "arriving"


def exists(path: Path) -> bool:
    with _reaching():
        return bool(_storage().exists(_key(path)))


def listing(directory: Path) -> Iterator[Stored]:
    """All files below it."""
    with _reaching():
        for key, size, written in _listing(f"{_key(directory)}/"):
            yield Stored(_path(key), size, written)


def usage(user: str) -> int:
    """Bytes of a user's files."""
    with _reaching():
        total: int | None = site_cache.get(_sum(user))
    if total is None:
        total = sum(file.size for file in listing(places.of_user(user)))
        with _reaching():
            site_cache.set(_sum(user), total, _SUM_AGE)
    return total


def delete(path: Path) -> None:
    with _reaching():
        _storage().delete(_key(path))
        if user := _user(path):
            site_cache.delete(_sum(user))


def erase(user: str) -> None:
    with _reaching():
        for key, *_ in list(_listing(f"{_key(places.of_user(user))}/")):
            _storage().delete(key)
        site_cache.delete(_sum(user))


def hand_over(user: str, heir: str) -> None:
    """As `gradio_ui.files.hand_over`: the files, and a note for processes that are asked for the
    old paths."""
    source, target = places.of_user(user), places.of_user(heir)
    with _reaching():
        if not (found := list(_listing(f"{_key(source)}/"))):
            return
        for key, *_ in found:
            _copy(key, _key(target / _path(key).relative_to(source)))
            _storage().delete(key)
        _save(_key(moved() / user), ContentFile(heir.encode()))
        site_cache.delete_many([_sum(user), _sum(heir)])


def moved() -> Path:
    """Of the notes who a visitor has become, each under the visitor's name."""
    return places.root() / "moved"


def heir_of(user: str) -> str | None:
    """To whom the files of a visitor have gone."""
    with _reaching():
        try:
            with _storage().open(_key(moved() / user)) as note:
                heir: bytes = note.read()
                return heir.decode()
        except FileNotFoundError:
            return None


def _storage() -> Any:
    return storages[ALIAS]


def _key(path: Path) -> str:
    """ASCII without backslashes: some storages take those for slashes."""
    return "/".join(quote(part, safe="") for part in path.relative_to(places.root()).parts)


def _path(key: str) -> Path:
    return places.root().joinpath(*map(unquote, key.split("/")))


def _user(path: Path) -> str | None:
    kind, name, *_ = path.relative_to(places.root()).parts
    return unquote(name) if kind == "users" else None


def _sum(user: str) -> str:
    return f"gradio_ui.files:{quote(user, safe='')}"


def _save(key: str, content: "File[bytes]") -> None:
    saved = _storage().save(key, content)
    if saved != key:
        # A storage that replaces nothing, and has the file already.
        _storage().delete(saved)


def _bucket() -> Any:
    """Of S3: it lists a thousand objects in one request, and copies without a download."""
    bucket = getattr(_storage(), "bucket", None)
    return bucket if hasattr(bucket, "objects") else None


def _listing(prefix: str) -> Iterator[tuple[str, int, float]]:
    if (bucket := _bucket()) is None:
        yield from _walk(prefix)
        return
    location = _at("")
    for found in bucket.objects.filter(Prefix=location + prefix):
        yield found.key[len(location) :], found.size, found.last_modified.timestamp()


def _walk(prefix: str) -> Iterator[tuple[str, int, float]]:
    storage = _storage()
    try:
        directories, names = storage.listdir(prefix)
    except FileNotFoundError:
        return
    for name in names:
        key = prefix + name
        yield key, storage.size(key), storage.get_modified_time(key).timestamp()
    for name in directories:
        yield from _walk(f"{prefix}{name}/")


def _copy(key: str, target: str) -> None:
    if bucket := _bucket():
        source = {"Bucket": bucket.name, "Key": _at(key)}
        bucket.Object(_at(target)).copy_from(CopySource=source)
    else:
        with _storage().open(key) as file:
            _save(target, file)


def _at(key: str) -> str:
    location = _storage().location.strip("/")
    return f"{location}/{key}" if location else key


@contextmanager
def _reaching() -> Iterator[None]:
    global _resting_until
    began = time.monotonic()
    if began < _resting_until:
        raise Unavailable("The storage did not answer a moment ago.")
    try:
        yield
    except (TooLarge, Unavailable):
        raise
    except Exception as error:
        # Each backend has its own, and some of them those of several libraries.
        logger.warning("Files cannot be stored or read: %s: %s", type(error).__name__, error)
        if (now := time.monotonic()) - began > _PATIENCE:
            _resting_until = now + _REST
        raise Unavailable from error
