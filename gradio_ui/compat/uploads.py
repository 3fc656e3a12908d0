"""Gradio's parser of uploads, where it is careless.

It takes a thousand files whatever we say, and leaves its temporary files behind when the client
goes away; text where a file is expected, text beside a file whose progress is watched, and a name
like `..` are errors of the server to it; and text may be of any size.
"""

import contextlib
import re
from pathlib import Path
from typing import Any


def install() -> None:
    from gradio import route_utils, routes
    from starlette.formparsers import MultiPartException

    from gradio_ui.conf import conf

    if issubclass(route_utils.GradioMultiPartParser, _Ours):
        return

    class Parser(_Ours, route_utils.GradioMultiPartParser):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.max_fields = min(self.max_fields, conf.max_files)

        def on_headers_finished(self) -> None:
            super().on_headers_finished()
            if self._current_files > conf.max_files:
                # In words by which Gradio knows what to answer.
                raise MultiPartException(
                    f"Too many files: the maximum allowed size of an upload is {conf.max_files}."
                )
            file = self._current_part.file
            if file is not None and _is_odd(file.filename or ""):
                raise MultiPartException("Invalid file name.")
            if file is None and self._current_part.field_name == "files":
                raise MultiPartException("A file is expected, not text.")

        def on_part_data(self, data: bytes, start: int, end: int) -> None:
            if self._current_part.file is not None:
                return super().on_part_data(data, start, end)
            self._current_part.data += data[start:end]
            if len(self._current_part.data) > conf.max_body:
                raise MultiPartException(f"Text exceeds the maximum allowed size: {conf.max_body}.")

        async def parse(self) -> Any:
            try:
                return await super().parse()
            except BaseException:
                for file in self._files_to_close_on_error:
                    with contextlib.suppress(OSError):
                        file.close()
                        Path(file.name).unlink(missing_ok=True)
                raise

    for module in (route_utils, routes):
        module.GradioMultiPartParser = Parser  # type: ignore[attr-defined]


class _Ours:
    pass


def _is_odd(name: str) -> bool:
    """A browser may send the path below a chosen directory, but nothing that leads out of it."""
    parts = re.split(r"[/\\]", name)
    return ".." in parts or "\0" in name or (name != "" and parts[-1] in ("", "."))
