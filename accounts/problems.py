"""The one shape of a JSON error: problem details (RFC 9457). No framework here."""

from __future__ import annotations

from typing import Any

CONTENT_TYPE = "application/problem+json"


def problem(status: int, title: str, detail: str = "") -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, "detail": detail or title}
