"""Range headers, of which Gradio cannot read each, and answers some with an error of the server."""

import re

_RANGE = r"(\d{1,18}-\d{0,18}|-\d{1,18})"
_ONE_RANGE = re.compile(rf"bytes={_RANGE}", re.ASCII)
_RANGES = re.compile(rf"bytes={_RANGE}(\s*,\s*{_RANGE})*", re.ASCII)


class BadRange(ValueError):
    """A Range header that means nothing."""


def is_one_range(given: str) -> bool:
    """Whether Gradio can read a Range header; of several ranges it cannot, and a server may send
    the whole file instead.

    Raises `BadRange`.
    """
    if not given.startswith("bytes=") or _ONE_RANGE.fullmatch(given):
        return True
    if not _RANGES.fullmatch(given):
        raise BadRange("The Range header cannot be read.")
    return False
