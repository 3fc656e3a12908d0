"""Functions of components (`/component_server`), which do not pass by where Gradio checks input.

A file in what they are given is checked here as the input of an event is. The image editor keeps
what a page has drawn under a name that the page makes up, one store for everybody, and makes room
for as many layers as it is told: the store is one for each user, and bounded.
"""

import functools
import time
from collections import OrderedDict
from typing import Any
from weakref import WeakKeyDictionary

from gradio_ui import places
from gradio_ui.conf import conf

# Drawings that a user has handed over and no event has taken yet, and layers of one.
MAX_DRAWINGS = 20
MAX_LAYERS = 100
# Seconds that they wait, in memory; the page sends its event at once.
KEPT = 600.0


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
        drawn = self.blob_storage.get(data.data.get("id"))
        if _size(drawn) + len(data.files[0][1]) > _room():
            raise HTTPException(413, "This drawing is too large.")
        return accept_blobs(self, data)

    return bounded


def _size(drawing: Any) -> int:
    """In bytes."""
    if drawing is None:
        return 0
    parts = (drawing.background, drawing.composite, *drawing.layers)
    return sum(len(part) for part in parts if part is not None)


def _room() -> int:
    """For all drawings of the present user together."""
    return min(conf.max_upload, places.current().allowance.bytes)


class _Latest(OrderedDict[str, Any]):
    """Of one user, among those of all."""

    def __init__(self, stores: "_Stores", user: str | None) -> None:
        super().__init__()
        self._stores, self._user = stores, user
        self.since = 0.0

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        self.since = now = time.monotonic()
        while len(self) > MAX_DRAWINGS or sum(map(_size, self.values())) > _room():
            self.popitem(last=False)
        self._stores[self._user] = self
        for user, store in list(self._stores.items()):
            if store.since < now - KEPT:
                del self._stores[user]


_Stores = dict[str | None, _Latest]


class _Drawings:
    """The store of an editor: that of the user whose request or event runs."""

    def __init__(self) -> None:
        self._stores: WeakKeyDictionary[Any, _Stores] = WeakKeyDictionary()

    def __get__(self, editor: Any, owner: type) -> Any:
        if editor is None:
            return self
        stores, user = self._stores.setdefault(editor, {}), places.current().user
        found = stores.get(user)
        return _Latest(stores, user) if found is None else found

    def __set__(self, editor: Any, value: dict[str, Any]) -> None:
        """Gradio begins with an empty one, and so do we."""
