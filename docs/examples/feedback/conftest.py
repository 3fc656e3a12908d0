import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradiosession.settings")
django.setup()

from gradio_ui.testing.plugin import *  # noqa: E402, F403
