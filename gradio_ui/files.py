"""Files of users on disk: how much they take up, and removing them. See `gradio_ui.places`."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.db import connections, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from gradio_ui import places


def usage(user: str) -> int:
    """Bytes of a user's files."""
    return sum(info.st_size for _, info in _files(places.of_user(user)))


def usage_by_user() -> dict[str, int]:
    found = sorted(entry.name for entry in _entries(places.users()) if not entry.is_symlink())
    return {unquote(name): usage(unquote(name)) for name in found}


def erase(user: str) -> None:
    shutil.rmtree(places.of_user(user), ignore_errors=True)


def hand_over(user: str, heir: str) -> None:
    """A visitor's files to who the visitor is from now on. Pages and stored values still know
    them by their old paths, so these lead there; Gradio resolves a path before it compares."""
    source, target = places.of_user(user), places.of_user(heir)
    if source.is_dir() and not source.is_symlink():
        _merge(source, target)
        shutil.rmtree(source)
        source.symlink_to(target.name)


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
    of = [places.users(), places.root() / "nobody"] if user is None else [places.of_user(user)]
    found = (file for directory in of for file in _files(directory))
    if visitors:
        start = str(places.of_user("visitor-"))
        found = (file for file in found if str(file[0]).startswith(start))
    return [(path, info.st_size) for path, info in found if info.st_mtime < latest]


def remove(path: Path) -> None:
    """A file, and the directories that it leaves empty."""
    path.unlink(missing_ok=True)
    for directory in path.parents:
        if directory in (places.users(), places.root()):
            return
        try:
            directory.rmdir()
        except OSError:
            return


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


def _files(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Without following links; what vanishes meanwhile is not there."""
    for entry in _entries(directory):
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
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
