from gradio_ui import register
from tests.attacks.target.app import build

register("target")(build)
