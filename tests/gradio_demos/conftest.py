"""One site that serves all of Gradio's demos, in a directory with the files that they name."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.servers import BASE_DIR, Site, SiteFactory

PICTURES = ("cat.jpg", "dog.jpg", "lion.jpg", "tiger.jpg")
STATIC = ("test/test_files/cheetah1.jpg", "test/test_files/bus.png")
ENV = {"EXTRA_APPS": "tests.gradio_demos", "PYTHONPATH": str(BASE_DIR)}


def add_pictures(directory: Path) -> None:
    for name in (*PICTURES, *STATIC):
        picture = directory / name
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), "orange").save(picture)


@pytest.fixture(scope="package")
def demos_site(tmp_path_factory: pytest.TempPathFactory, demo_database: Path) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("demos")
    add_pictures(directory)
    factory = SiteFactory(directory, demo_database)
    yield factory("daphne", directory=directory, cwd=directory, env=ENV, allow_traceback=True)
    factory.close()
