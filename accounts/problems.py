"""The one shape of a JSON error: problem details (RFC 9457). No framework here."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

CONTENT_TYPE = "application/problem+json"

# Problems that a program does something about have a type of their own.
CODE_REQUIRED = "urn:gradiosession:problem:code-required"
REAUTHENTICATION_REQUIRED = "urn:gradiosession:problem:reauthentication-required"


def problem(
    status: int, title: str = "", detail: str = "", type: str = "about:blank"
) -> dict[str, Any]:
    title = title or phrase(status)
    return {"type": type, "title": title, "status": status, "detail": detail or title}


def phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
