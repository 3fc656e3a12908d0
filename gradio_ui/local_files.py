"""Files that a callback was given before."""

import os
from pathlib import Path


def local_file(path: str | os.PathLike[str]) -> Path:
    """In a callback: the file at a path that was kept, in a state or a model, since Gradio gave it
    to this user. Where processes share no directory it is fetched, which blocks: in an `async`
    function write `await asyncio.to_thread(local_file, path)`.

    Raises `PermissionError` for a file that is not this user's in this app, and
    `FileNotFoundError` for one that has been removed.
    """
    # Apps are imported before Django has its models.
    from gradio_ui import transfers

    return transfers.here(os.fspath(path))
