"""Settings of the app, read when they are used, so that `override_settings` just works.

Limits "of a user" are for everything that the user's logins do together: pages in each process, the
rest in all processes that share a Redis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings

PREFIX = "GRADIO_UI_"
MB = 1024 * 1024

# For projects whose settings do not say; this one's settings read each from the environment.
DEFAULTS: dict[str, Any] = {
    "MAX_BODY": MB,
    "MAX_UPLOAD": 200 * MB,
    "MAX_FILES": 100,
    "MAX_USER_BYTES": 2048 * MB,
    "MAX_PAGES": 200,
    "MAX_STREAMS": 200,
    "MAX_EVENTS": 200,
    "MAX_VISITOR_BYTES": 50 * MB,
    "MAX_VISITOR_PAGES": 20,
    "MAX_VISITOR_STREAMS": 40,
    "MAX_VISITOR_EVENTS": 10,
    "EXEMPT_SUPERUSERS": False,
    "CLUSTER": False,
    "CLUSTER_ADDRESS": "",
    "CLUSTER_PREFIX": "gradiosession",
    "CLUSTER_PATIENCE": 20.0,
    "DRAIN_LIMIT": 1.0,
}


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one user, or one visitor, may have at a time."""

    # Clients, each with a session_hash, of which Gradio keeps something.
    pages: int
    # Connections that stay open: streams of events, heartbeats, progress.
    streams: int
    # Events that wait or run; the same for those of one page whose results nobody has fetched.
    events: int
    # Of all files; once they are reached, nothing more can be uploaded.
    bytes: int


class Conf:
    def _get(self, name: str) -> Any:
        return getattr(settings, PREFIX + name, DEFAULTS[name])

    @property
    def max_body(self) -> int:
        """Bytes of a request that is not an upload."""
        return int(self._get("MAX_BODY"))

    @property
    def max_upload(self) -> int:
        """Bytes of one upload, all its files together."""
        return int(self._get("MAX_UPLOAD"))

    @property
    def max_files(self) -> int:
        """Files of one upload."""
        return int(self._get("MAX_FILES"))

    @property
    def user(self) -> Allowance:
        return Allowance(
            pages=int(self._get("MAX_PAGES")),
            streams=int(self._get("MAX_STREAMS")),
            events=int(self._get("MAX_EVENTS")),
            bytes=int(self._get("MAX_USER_BYTES")),
        )

    @property
    def visitor(self) -> Allowance:
        """Of somebody without an account, in apps that are public."""
        return Allowance(
            pages=int(self._get("MAX_VISITOR_PAGES")),
            streams=int(self._get("MAX_VISITOR_STREAMS")),
            events=int(self._get("MAX_VISITOR_EVENTS")),
            bytes=int(self._get("MAX_VISITOR_BYTES")),
        )

    @property
    def exempt_superusers(self) -> bool:
        """Whether `@limit` and `register(limit=...)` count no call of a superuser."""
        return bool(self._get("EXEMPT_SUPERUSERS"))

    @property
    def cluster(self) -> bool:
        """Whether processes share the pages, see `gradio_ui.cluster`."""
        return bool(self._get("CLUSTER"))

    @property
    def cluster_address(self) -> str:
        """Where this process is reached by the others: `unix:<directory>`, for processes of one
        machine, or `tcp://<host>:<port>`. Empty: see `gradio_ui.cluster.listener`."""
        return str(self._get("CLUSTER_ADDRESS"))

    @property
    def cluster_prefix(self) -> str:
        """Of the keys in Redis."""
        return str(self._get("CLUSTER_PREFIX"))

    @property
    def cluster_patience(self) -> float:
        """Seconds that a request waits for a process that lives and does not answer."""
        return float(self._get("CLUSTER_PATIENCE"))

    @property
    def drain_limit(self) -> float:
        """Seconds that running events have to finish when the process is to stop."""
        return float(self._get("DRAIN_LIMIT"))


conf = Conf()
