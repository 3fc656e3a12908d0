"""One directory for each user where Gradio has one for all.

Gradio keeps every upload and every result in one directory, and whoever knows a path in it may
read the file, pass it to a callback, and have it returned. It asks four places for the directory
(a function, two attributes, a constant) and compares paths by one function. These are ours
instead: they mean the place of the request or event that is running (`gradio_ui.places`).
"""

import os
import sys
from pathlib import Path
from typing import Any

from gradio_ui import places


class Folder(str):
    """The directory of a place as Gradio passes it around; to be in it means to be in any of
    the directories that may be read from there."""

    readable: tuple[Path, ...]


class CurrentFolder(os.PathLike[str]):
    """For constants: a path that is another one in each place."""

    def __fspath__(self) -> str:
        return folder()


class _FolderAttribute:
    def __get__(self, instance: object, owner: type) -> str:
        return folder()

    def __set__(self, instance: object, value: str) -> None:
        """Gradio sets it when the object is made; what counts is who reads it, and when."""


def folder() -> Folder:
    place = places.current()
    place.own.mkdir(parents=True, exist_ok=True)
    found = Folder(place.own)
    found.readable = place.readable
    return found


def examples() -> Path:
    return places.current().examples


def install() -> None:
    import gradio.mcp
    from gradio import (
        blocks,
        processing_utils,
        route_utils,
        routes,
        screen_recording_utils,
        utils,
    )

    if isinstance(blocks.Block.__dict__.get("GRADIO_CACHE"), _FolderAttribute):
        return
    blocks.Block.GRADIO_CACHE = _FolderAttribute()  # type: ignore[assignment]
    routes.App.uploaded_file_dir = _FolderAttribute()  # type: ignore[assignment]
    # Gradio draws it when it is installed, and puts it before a file's content in the hash that
    # names it, so that nobody can guess where the file is. Here that opens nothing, and the files
    # of an app have one name in all processes.
    processing_utils.hash_seed = b"gradio_ui"
    replaced = {
        "get_upload_folder": (utils.get_upload_folder, folder),
        "get_cache_folder": (utils.get_cache_folder, examples),
        "is_in_or_equal": (utils.is_in_or_equal, _comparison(utils.is_in_or_equal)),
    }
    # Modules have them by name.
    for module in [m for name, m in sys.modules.items() if name.split(".")[0] == "gradio"]:
        for name, (original, ours) in replaced.items():
            if module.__dict__.get(name) is original:
                setattr(module, name, ours)
    modules: tuple[Any, ...] = (gradio.mcp, route_utils, routes, screen_recording_utils)
    for module in modules:
        module.DEFAULT_TEMP_DIR = CurrentFolder()


def _comparison(original: Any) -> Any:
    def is_in_or_equal(path_1: str | Path, path_2: str | Path) -> bool:
        if isinstance(path_2, Folder):
            return any(original(path_1, readable) for readable in path_2.readable)
        if not original(path_1, path_2):
            return False
        # Our directories may be in one whose files Gradio allows to return, such as the working
        # directory or that for temporary files. That does not make them everybody's.
        root = places.root()
        return not original(path_1, root) or (original(path_2, root) and not original(root, path_2))

    return is_in_or_equal
