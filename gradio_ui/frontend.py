"""Gradio's own frontend among the static files of the site: at one URL for all apps.

Its files are named by their content and import one another by relative paths, so they are
collected as they are, below Gradio's version. Gradio is not imported for it: that takes seconds.
"""

import os
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.utils import get_files
from django.core.checks import CheckMessage
from django.core.files.storage import FileSystemStorage
from django.utils._os import safe_join
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage, CompressedStaticFilesStorage

# What pages may ask for. The rest of the directory is templates.
PARTS = ("assets", "static")


@cache
def directory() -> Path:
    spec = find_spec("gradio")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("Gradio is not installed.")
    return Path(spec.submodule_search_locations[0]) / "templates" / "frontend"


@cache
def prefix() -> str:
    """Where the files are among the static ones."""
    return f"gradio/{version('gradio')}/"


def url() -> str:
    return f"{settings.STATIC_URL}{prefix()}"


class FrontendFinder(BaseFinder):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.storage = FileSystemStorage(location=directory())
        # As `collectstatic` and whitenoise read it.
        self.storage.prefix = prefix().rstrip("/")  # type: ignore[attr-defined]

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        name = path.removeprefix(prefix())
        found = []
        if name != path and name.partition("/")[0] in PARTS:
            place = safe_join(directory(), name)
            found = [place] if os.path.isfile(place) else []
        return found if find_all or not found else found[0]

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Any]]:
        for part in PARTS:
            for path in get_files(self.storage, [*(ignore_patterns or ())], part):
                yield path, self.storage


class PlainStorage(CompressedStaticFilesStorage):  # type: ignore[misc]
    """For development: names stay as they are."""

    def create_compressor(self, **options: Any) -> Compressor:
        return _Compressor(**options)


class HashedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Names the site's own files by their content; compresses them and Gradio's."""

    # In what one module imports of another, too.
    support_js_module_import_aggregation = True

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Any:
        hashed = {name: place for name, place in paths.items() if not name.startswith(prefix())}
        yield from super().post_process(hashed, dry_run=dry_run, **options)
        if not dry_run:
            for name, compressed in self.compress_files(paths.keys() - hashed.keys()):
                yield name, compressed, True

    def create_compressor(self, **options: Any) -> Compressor:
        return _Compressor(**options)


class _Compressor(Compressor):  # type: ignore[misc]
    """Seconds instead of minutes for Gradio's 55 MB, and only once."""

    def compress(self, path: str) -> list[str]:
        if all(_is_made_of(path, f"{path}{ending}") for ending in (".br", ".gz")):
            return []
        return super().compress(path)  # type: ignore[no-any-return]

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        import brotli

        # A quarter of the time of the highest level, for 7 % more bytes.
        return brotli.compress(data, quality=9)  # type: ignore[no-any-return]


def _is_made_of(path: str, compressed: str) -> bool:
    try:
        return os.stat(compressed).st_mtime == os.stat(path).st_mtime
    except FileNotFoundError:
        return False
