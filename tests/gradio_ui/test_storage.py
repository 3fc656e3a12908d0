"""The storage of users' files beside the disk: names, sums, copies, and who may have what. See
tests/cluster/test_storage.py for S3 and processes."""

import asyncio
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage, storages
from django.core.management import CommandError, call_command
from pydantic import BaseModel

from gradio_ui import files, local_file, places, storage, transfers
from gradio_ui.bodies import TooLarge
from gradio_ui.places import Place
from gradio_ui.storage import Unavailable

ADA = Place("app", "7")


class Broken(InMemoryStorage):
    def exists(self, name: str) -> bool:
        raise ConnectionError("no route to host")

    listdir = open = delete = exists  # type: ignore[assignment]


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Any]:
    root = tmp_path / "gradio"
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(root))
    backend = "django.core.files.storage.InMemoryStorage"
    settings.STORAGES = settings.STORAGES | {"gradio": {"BACKEND": backend}}
    monkeypatch.setattr(storage, "_resting_until", 0.0)
    transfers._known.clear()
    cache.clear()
    yield storages["gradio"]
    transfers._known.clear()
    cache.clear()


@pytest.fixture
def broken(stored: Any, settings: Any) -> None:
    backend = f"{__name__}.Broken"
    settings.STORAGES = settings.STORAGES | {"gradio": {"BACKEND": backend}}


def write(path: Path, content: str = "hers", *, days: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    then = time.time() - days * 24 * 3600
    os.utime(path, (then, then))
    return path


def at(place: Place, function: Any, *args: Any, **more: Any) -> Any:
    with places.entered(place):
        return asyncio.run(function(*args, **more))


def test_without_one_nothing_is_asked() -> None:
    assert not storage.is_used()


@dataclass
class Message:
    files: set[str]


class Data(BaseModel):
    path: Path


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda path: {"path": str(path)},
        lambda path: [1, None, (path, "caption")],
        lambda path: Message({str(path)}),
        lambda path: Data(path=path),
        lambda path: SimpleNamespace(value=str(path)),
    ],
)
def test_a_file_is_found_wherever_it_is_named(stored: Any, wrapped: Any) -> None:
    path = write(ADA.own / "hash" / "a.txt")
    at(ADA, transfers.keep, wrapped(path))
    path.unlink()
    at(ADA, transfers.bring, wrapped(path))
    assert path.read_text() == "hers"


def test_a_file_is_kept_once_and_brought_back(stored: Any) -> None:
    path = write(ADA.own / "hash" / "a.txt")
    at(ADA, transfers.keep, {"data": [{"path": str(path)}, ("x", [str(path)])]})
    assert stored.listdir("users/7/app/hash") == ([], ["a.txt"])
    stored.delete("users/7/app/hash/a.txt")
    at(ADA, transfers.keep, [path])
    assert not stored.exists("users/7/app/hash/a.txt")
    at(ADA, transfers.keep, [path], anew=True)
    path.unlink()
    at(ADA, transfers.bring, [{"path": f"{path.parent}/../hash/a.txt"}])
    assert path.read_text() == "hers"
    # Written anew it is kept anew.
    write(path, "hers", days=1)
    stored.delete("users/7/app/hash/a.txt")
    at(ADA, transfers.keep, path)
    assert stored.exists("users/7/app/hash/a.txt")


@pytest.mark.parametrize("name", ["näme 1.txt", "a\\..\\..\\8\\b.txt", "100%.txt", "a?b#c", " "])
def test_any_name_is_as_good(stored: Any, name: str) -> None:
    path = write(ADA.own / "hash" / name)
    storage.put(path)
    assert [file.path for file in storage.listing(places.of_user("7"))] == [path]
    ((), (kept,)) = stored.listdir("users/7/app/hash")
    assert kept.isascii() and "\\" not in kept
    path.unlink()
    assert storage.fetch(path, 100) and path.read_text() == "hers"


@pytest.mark.parametrize(
    "place", [Place("app", "8"), Place("other", "7"), Place("app", ""), Place("app", None)]
)
def test_nobody_else_has_it_brought_or_kept(stored: Any, place: Place) -> None:
    path = write(ADA.own / "hash" / "a.txt")
    at(place, transfers.keep, [path], anew=True)
    assert not list(storage.listing(places.users()))
    storage.put(path)
    path.unlink()
    link = place.own / "link.txt"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(path)
    at(place, transfers.bring, [path, link, f"{place.own}/../../7/app/hash/a.txt"])
    assert not path.exists()
    with places.entered(place), pytest.raises(PermissionError):
        local_file(path)


def test_a_callback_asks_for_a_file_that_it_was_given(stored: Any) -> None:
    path = write(ADA.own / "hash" / "a.txt")
    storage.put(path)
    with places.entered(ADA):
        assert local_file(str(path)).read_text() == "hers"
        path.unlink()
        assert local_file(path).read_text() == "hers"
        path.unlink()
        stored.delete("users/7/app/hash/a.txt")
        with pytest.raises(FileNotFoundError):
            local_file(path)


def test_what_is_too_large_is_not_brought(stored: Any) -> None:
    path = write(ADA.own / "hash" / "a.txt", "x" * 101)
    storage.put(path)
    path.unlink()
    with pytest.raises(TooLarge):
        storage.fetch(path, 100)
    assert not [entry for entry in places.root().rglob("*") if entry.is_file()]


def test_many_ask_at_once_and_it_comes_once(stored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(ADA.own / "hash" / "a.txt")
    storage.put(path)
    path.unlink()
    asked = []
    fetch = storage.fetch
    monkeypatch.setattr(storage, "fetch", lambda *args: (asked.append(args), fetch(*args))[1])

    async def all_at_once() -> None:
        first = asyncio.create_task(transfers.bring(path))
        others = [asyncio.create_task(transfers.bring(path)) for _ in range(9)]
        await asyncio.sleep(0)
        first.cancel()  # who goes away takes it from nobody
        await asyncio.gather(*others)

    at(ADA, all_at_once)
    assert len(asked) == 1 and path.read_text() == "hers"


def test_sums_follow_what_is_kept_and_removed(stored: Any) -> None:
    one, two = write(ADA.own / "h1" / "a.txt", "12345"), write(ADA.own / "h2" / "b.txt", "12")
    assert files.usage("7") == 0
    storage.put(one)
    storage.put(one)
    assert files.usage("7") == 5
    storage.put(two)
    assert files.usage("7") == 7
    assert files.usage_by_user() == {"7": 7}
    files.remove(one)
    assert files.usage("7") == 2 and not one.exists()
    files.erase("7")
    assert files.usage("7") == 0 and not two.exists()


def test_old_files_go_by_the_age_in_the_storage(
    stored: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old, copied = write(ADA.own / "h1" / "a.txt"), write(ADA.own / "h2" / "b.txt", days=9)
    storage.put(old), storage.put(copied)
    # Only this disk has it: it has lain here since before there was a storage.
    left = write(places.of_user("8") / "app" / "h3" / "c.txt", days=9)
    now = time.time()
    listing = storage.listing

    def aged(directory: Path) -> Iterator[storage.Stored]:
        for file in listing(directory):
            yield file._replace(written=now - 8 * 24 * 3600) if file.path == old else file

    monkeypatch.setattr(storage, "listing", aged)
    call_command("gradio_files", "purge", "--days=7")
    assert "Removed 2 files" in capsys.readouterr().out
    assert not old.exists() and not left.exists() and copied.exists()
    assert [file.path for file in listing(places.users())] == [copied]


def test_old_copies_go_and_what_is_nowhere_else_stays(stored: Any) -> None:
    copied, young = write(ADA.own / "h1" / "a.txt", days=2), write(ADA.own / "h2" / "b.txt")
    alone = write(ADA.own / "h3" / "c.txt", days=2)
    gone = write(ADA.own / "h4" / "d.txt", days=2)
    storage.put(copied), storage.put(young)
    at(ADA, transfers.keep, gone)
    storage.delete(gone)  # by another process
    transfers.trim()
    assert [path.exists() for path in (copied, young, alone, gone)] == [False, True, True, False]
    # A process that was killed has left a part of a file.
    part = write(storage.arriving() / "part", days=2)
    call_command("gradio_files", "upload")
    transfers.trim()
    assert not part.exists()
    assert not alone.exists() and storage.exists(alone)


def test_a_visitors_files_become_the_persons_own(stored: Any) -> None:
    before, between = "visitor-a", "visitor-b"
    path = write(places.of_user(before) / "app" / "hash" / "a.txt")
    storage.put(path)
    files.hand_over(before, between)
    files.hand_over(between, "7")
    assert [file.path for file in storage.listing(places.users())] == [ADA.own / "hash" / "a.txt"]
    assert (files.usage(before), files.usage("7")) == (0, 4)
    assert path.read_text() == "hers"
    # Another process, which has none of it, is asked for the old path.
    shutil.rmtree(places.root())
    at(Place("app", "8"), transfers.bring, [path])
    assert not path.exists()
    at(ADA, transfers.bring, [path])
    assert path.read_text() == "hers" and path.resolve() == ADA.own / "hash" / "a.txt"
    assert len(stored.listdir("moved")[1]) == 2
    call_command("gradio_files", "purge", "--days=0", "--visitors")
    assert stored.listdir("moved")[1] == [] and (ADA.own / "hash" / "a.txt").exists()


def test_a_storage_that_is_down_is_told(
    broken: None, caplog: pytest.LogCaptureFixture, stored: Any
) -> None:
    path = write(ADA.own / "hash" / "a.txt")
    with pytest.raises(Unavailable):
        at(ADA, transfers.keep, path)
    with pytest.raises(Unavailable):
        at(ADA, transfers.bring, path.with_name("b.txt"))
    with pytest.raises(Unavailable):
        files.usage("7")
    with pytest.raises(CommandError, match="no route to host"):
        call_command("gradio_files", "purge", "--days=1")
    # Neither keeps anybody from going or coming.
    files.hand_over("visitor-a", "7")
    files.erase("7")
    assert not path.exists()
    assert "Files of the user 7, who is gone, are left in the storage." in caplog.text


def test_a_storage_that_replaces_nothing_will_do(
    stored: Any, tmp_path: Path, settings: Any
) -> None:
    options = {"location": str(tmp_path / "there")}
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = settings.STORAGES | {"gradio": {"BACKEND": backend, "OPTIONS": options}}
    path = write(ADA.own / "hash" / "a.txt")
    storage.put(path), storage.put(path)
    assert [(file.path, file.size) for file in storage.listing(places.users())] == [(path, 4)]
    storages["gradio"].save("users/7/app/other/b.txt", ContentFile(b"12"))
    assert files.usage("7") == 6
