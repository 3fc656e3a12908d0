"""What could not be used of the apps, and where it failed."""

import traceback
from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class Failure:
    """A gradio_apps module, or one app of it, that could not be used."""

    module: str
    file: str
    line: int
    message: str
    slug: str = ""

    def __str__(self) -> str:
        what = f"The Gradio app {self.slug!r}" if self.slug else f"The module {self.module}"
        return f"{what} failed at {self.file}:{self.line}: {self.message}"


def located(module: str, error: BaseException, slug: str, line: int) -> Failure:
    """Where the module failed: the deepest frame inside it, or the place of the syntax error;
    `line` when it had no part in it."""
    message = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    if isinstance(error, SyntaxError) and error.filename:
        return Failure(module, error.filename, error.lineno or 0, message, slug)
    try:
        spec = find_spec(module)
        file = (spec.origin if spec else None) or module
    except (ImportError, ValueError):
        file = module
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame.lineno or 0 for frame in frames if frame.filename == file]
    return Failure(module, file, inside[-1] if inside else line, message, slug)
