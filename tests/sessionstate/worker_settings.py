"""The project's settings, with what a test wants otherwise in the variable WORKER_SETTINGS."""

import json
import os

from gradiosession.settings import *  # noqa: F403

globals().update(json.loads(os.environ.get("WORKER_SETTINGS", "{}")))
