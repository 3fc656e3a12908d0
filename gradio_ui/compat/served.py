"""Functions of components (`/component_server`), which do not pass by where Gradio checks input.

A file in what they are given is checked here as the input of an event is. The image editor keeps
what a page has drawn under a name that the page makes up, one store for everybody, and makes room
for as many layers as it is told: the store is one for each user, and bounded.
"""

import functools
from collections import OrderedDict
from typing import Any
from weakref import WeakKeyDictionary

from gradio_ui import places

# Drawings that a user has handed over and no event has taken yet, and layers of one.
MAX_DRAWINGS = 20
MAX_LAYERS = 100


def install() -> None:
    from gradio import routes
    from gradio.components import ImageEditor

    if isinstance(ImageEditor.__dict__.get("blob_storage"), _Drawings):
        return
    ImageEditor.blob_storage = _Drawings()  # type: ignore[assignment]
    ImageEditor.accept_blobs = _bounded(ImageEditor.accept_blobs)  # type: ignore[method-assign]
    # The one thing that this route calls with what it was given.
    routes.special_args = _checked(routes.special_args)  # type: ignore[attr-defined]


def _checked(special_args: Any) -> Any:
    from fastapi import HTTPException
    from gradio.exceptions import Error
    from gradio.processing_utils import check_all_files_in_cache
    from gradio_client import utils

    def check(file: Any) -> None:
        try:
            check_all_files_in_cache(file)
        except Error as error:
            raise HTTPException(403, "This file is not yours.") from error

    @functools.wraps(special_args)
    def checked(fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        utils.traverse(inputs, check, utils.is_file_obj_with_meta)
        return special_args(fn, inputs, *args, **kwargs)

    return checked


def _bounded(accept_blobs: Any) -> Any:
    from fastapi import HTTPException

    @functools.wraps(accept_blobs)
    def bounded(self: Any, data: Any) -> Any:
        index = str(data.data.get("index") or "null")
        if index != "null" and not (index.isdecimal() and int(index) < MAX_LAYERS):
            raise HTTPException(400, f"A drawing has at most {MAX_LAYERS} layers.")
        return accept_blobs(self, data)

    return bounded


class _Latest(OrderedDict[str, Any]):
    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        while len(self) > MAX_DRAWINGS:
            self.popitem(last=False)


class _Drawings:
    """The store of an editor: that of the user whose request or event runs."""

    def __init__(self) -> None:
        self._stores: WeakKeyDictionary[Any, dict[str | None, _Latest]] = WeakKeyDictionary()

    def __get__(self, editor: Any, owner: type) -> Any:
        if editor is None:
            return self
        stores = self._stores.setdefault(editor, {})
        return stores.setdefault(places.current().user, _Latest())

    def __set__(self, editor: Any, value: dict[str, Any]) -> None:
        """Gradio begins with an empty one, and so do we."""
