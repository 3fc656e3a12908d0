"""Files of users: how much they take up, and removing them. On disk, see `gradio_ui.places`, and
where processes share no directory in the storage, of which the disk has copies."""

import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.db import connections, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from gradio_ui import places, storage
from gradio_ui.storage import Stored
from sessionstate.threads import in_thread

logger = logging.getLogger(__name__)


def usage(user: str) -> int:
    """Bytes of a user's files."""
    if storage.is_used():
        return storage.usage(user)
    return sum(file.size for file in _files(places.of_user(user)))


async def ausage(user: str) -> int:
    return await (storage.in_thread if storage.is_used() else in_thread)(usage, user)


def usage_by_user() -> dict[str, int]:
    totals: Counter[str] = Counter()
    for file in _files(places.users()):
        if not file.path.is_symlink():
            totals[unquote(file.path.relative_to(places.users()).parts[0])] += file.size
    return dict(sorted(totals.items()))


def erase(user: str) -> None:
    if storage.is_used():
        try:
            storage.erase(user)
        except storage.Unavailable:
            logger.error("Files of the user %s, who is gone, are left in the storage.", user)
    shutil.rmtree(places.of_user(user), ignore_errors=True)


def hand_over(user: str, heir: str) -> None:
    """A visitor's files to who the visitor is from now on. Pages and stored values still know
    them by their old paths, so these lead there; Gradio resolves a path before it compares."""
    if storage.is_used():
        try:
            storage.hand_over(user, heir)
        except storage.Unavailable:
            logger.warning("The files of %s could not be handed over to %s.", user, heir)
    if places.of_user(user).is_dir():
        lead(user, heir)


def lead(user: str, heir: str) -> None:
    """From the visitor's directory of this process to the heir's."""
    source, target = places.of_user(user), places.of_user(heir)
    if source.is_symlink():
        return
    target.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        _merge(source, target)
        shutil.rmtree(source)
    source.symlink_to(target.name)


def is_handed_over(user: str) -> bool:
    """Whether a visitor's directory is an heir's by now, whom the visitor's old ticket must not
    let at it."""
    return places.of_user(user).is_symlink()


def _merge(source: Path, target: Path) -> None:
    # A directory of a file's own is named by its content: what is there already is the same.
    target.mkdir(parents=True, exist_ok=True)
    for entry in _entries(source):
        there = target / entry.name
        if entry.is_dir(follow_symlinks=False) and there.is_dir():
            _merge(Path(entry.path), there)
        elif not there.exists():
            os.rename(entry.path, there)


def old(age: float, user: str | None = None, *, visitors: bool = False) -> list[tuple[Path, int]]:
    """(path, bytes) of users' files that nobody has written for `age` seconds, or of visitors'
    alone; also of the paths that led to those of a visitor who has signed in."""
    latest = time.time() - age
    everybodys = [places.users(), places.root() / "nobody", storage.moved()]
    of = everybodys if user is None else [places.of_user(user)]
    found = (file for directory in of for file in _files(directory))
    if visitors:
        start = tuple(map(str, (places.of_user("visitor-"), storage.moved())))
        found = (file for file in found if str(file.path).startswith(start))
    return [(file.path, file.size) for file in found if file.written < latest]


def remove(path: Path) -> None:
    """A file, and the directories that it leaves empty."""
    if storage.is_used() and not path.is_symlink():
        storage.delete(path)
    remove_local(path)


def remove_local(path: Path) -> None:
    path.unlink(missing_ok=True)
    for directory in path.parents:
        if directory in (places.users(), places.root()):
            return
        try:
            directory.rmdir()
        except OSError:
            return


def upload() -> int:
    """Put what only this disk has into the storage; how many files that are."""
    number = 0
    for path, _ in local(places.users()):
        if not path.is_symlink() and not storage.exists(path):
            storage.put(path)
            number += 1
    return number


def secret() -> Iterator[str]:
    """Files of this site that no app may show, though Gradio would let it return any file of the
    working directory."""
    for connection in connections.all():
        name = connection.settings_dict["NAME"]
        if connection.vendor == "sqlite" and name:
            yield from (f"{name}{suffix}" for suffix in ("", "-wal", "-shm", "-journal"))


# Of this model only: with a receiver for all of them Django would load whatever it deletes.
@receiver(post_delete, sender=settings.AUTH_USER_MODEL)
def _forget(instance: Any, using: str, **_: object) -> None:
    user = str(instance.pk)
    transaction.on_commit(lambda: erase(user), using=using)


def _files(directory: Path) -> Iterator[Stored]:
    """Of the storage and, where there is none or it does not have them, of this disk."""
    stored = set()
    if storage.is_used():
        for file in storage.listing(directory):
            stored.add(file.path)
            yield file
    for path, info in local(directory):
        if path not in stored:
            yield Stored(path, info.st_size, info.st_mtime)


def local(*directories: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Without following links; what vanishes meanwhile is not there."""
    for directory in directories:
        for entry in _entries(directory):
            if entry.is_dir(follow_symlinks=False):
                yield from local(Path(entry.path))
            else:
                try:
                    yield Path(entry.path), entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
