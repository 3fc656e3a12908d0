from gradio_ui import register
from tests.gradio_demos.catalogue import DEMOS, Demo
from tests.gradio_demos.sources import run


def add(demo: Demo) -> None:
    @register(demo.slug, **demo.options)
    def build() -> object:
        return run(demo.slug, demo.source)


for demo in DEMOS:
    add(demo)
