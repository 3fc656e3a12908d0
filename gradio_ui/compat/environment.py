"""Gradio's settings that only exist as environment variables.

Set before Gradio is imported, because the temporary directory is read on import and the others
when a `Blocks` is made. An operator's own value stands.
"""

import os
from pathlib import Path

from django.conf import settings


def configure() -> None:
    defaults = {
        # No telemetry and no question about newer versions: nothing leaves the machine.
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        # The queue computes a pandas summary of its past events after every event, for a
        # monitoring page that is off: 7 ms an event at first, 20 ms after 11,000 events.
        # 1 is the smallest number of events it keeps.
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000",
        "GRADIO_ANALYTICS_MAX_EVENTS": "1",
        # It would keep every input and output in the browser's storage, past a sign-out.
        "GRADIO_RUN_HISTORY": "False",
        "GRADIO_SSR_MODE": "False",
        "GRADIO_MCP_SERVER": "False",
        # Without a screen, see `compat.shortcuts`; and nobody has to find out that there is none.
        "MPLBACKEND": "agg",
        "GRADIO_TEMP_DIR": str(directory()),
        # Otherwise in the directory from which the server happens to be started.
        "GRADIO_EXAMPLES_CACHE": str(directory() / "examples"),
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def directory() -> Path:
    """Where Gradio keeps uploads and what it makes of them."""
    return Path(settings.GRADIOSESSION_DATA_DIR) / "gradio"
