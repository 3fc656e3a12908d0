"""Settings of the app, read when they are used, so that `override_settings` just works.

Limits are per process, those "of a user" for everything that the user's logins do together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

PREFIX = "GRADIO_UI_"
_MB = 1024 * 1024


class Conf:
    def _get(self, name: str, default: Any) -> Any:
        return getattr(settings, PREFIX + name, default)

    @property
    def max_body(self) -> int:
        """Bytes of a request that is not an upload."""
        return int(self._get("MAX_BODY", _MB))

    @property
    def max_upload(self) -> int:
        """Bytes of one upload, all its files together."""
        return int(self._get("MAX_UPLOAD", 200 * _MB))

    @property
    def max_files(self) -> int:
        """Files of one upload."""
        return int(self._get("MAX_FILES", 100))

    @property
    def max_pages(self) -> int:
        """Pages (clients; each has a session_hash) of a user of which Gradio keeps something."""
        return int(self._get("MAX_PAGES", 200))

    @property
    def max_streams(self) -> int:
        """Connections of a user that stay open: streams of events, heartbeats, progress."""
        return int(self._get("MAX_STREAMS", 200))

    @property
    def max_events(self) -> int:
        """Events of a user that wait or run, and of one page whose results nobody has fetched."""
        return int(self._get("MAX_EVENTS", 200))

    @property
    def max_user_bytes(self) -> int:
        """Bytes of all files of a user; once they are reached, nothing more can be uploaded."""
        return int(self._get("MAX_USER_BYTES", 2 * 1024 * _MB))

    @property
    def cluster(self) -> bool:
        """Whether processes share the pages, see `gradio_ui.cluster`."""
        return bool(self._get("CLUSTER", False))

    @property
    def cluster_address(self) -> str:
        """Where this process is reached by the others: `unix:<directory>`, for processes of one
        machine, or `tcp://<host>:<port>`."""
        default = f"unix:{Path(settings.GRADIOSESSION_DATA_DIR) / 'cluster'}"
        return str(self._get("CLUSTER_ADDRESS", "") or default)

    @property
    def cluster_prefix(self) -> str:
        """Of the keys in Redis."""
        return str(self._get("CLUSTER_PREFIX", "gradiosession"))

    @property
    def drain_limit(self) -> float:
        """Seconds that running events have to finish when the process is to stop."""
        return float(self._get("DRAIN_LIMIT", 1.0))


conf = Conf()
