"""What ninja leaves out of the OpenAPI document: the statuses that every operation of a kind may
answer with, and the media type and an example of an error."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from ninja.openapi.schema import REF_TEMPLATE, OpenAPISchema

from accounts.api.schemas import Problem
from accounts.problems import CONTENT_TYPE, phrase, problem

_UNSAFE = {"post", "put", "patch", "delete"}
_REF = REF_TEMPLATE.format(model=Problem.__name__)


def complete(document: OpenAPISchema) -> OpenAPISchema:
    document.schemas.setdefault(Problem.__name__, Problem.json_schema())
    for path in document["paths"].values():
        for method, operation in path.items():
            responses = operation["responses"]
            for status in _possible(method, operation) | {s for s in responses if s >= 400}:
                responses[status] = _error(status)
            operation["responses"] = dict(sorted(responses.items()))
    return document


def _possible(method: str, operation: dict[str, Any]) -> set[int]:
    statuses = {500, 503}
    if operation.get("security"):
        statuses.add(401)
        if method in _UNSAFE:
            statuses.add(403)  # another site's page, or a key that may only read
    if operation.get("parameters"):
        statuses.add(422)
    if "requestBody" in operation:
        statuses |= {400, 413, 415, 422}
    return statuses


def _error(status: int) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": phrase(status),
        "content": {
            CONTENT_TYPE: {"schema": {"$ref": _REF}, "example": problem(status)},
        },
    }
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        response["headers"] = {
            "Retry-After": {"schema": {"type": "integer"}, "description": "In seconds"}
        }
    return response
