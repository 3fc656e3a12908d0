"""My session's data as JSON: whole and per key.

Keys that begin with `_`, and those in which allauth notes how somebody signed in, are neither
shown nor changed here: whoever may write them could declare their own address confirmed.

Every answer says in `ETag` which version of the session it speaks of, also that of a single key:
what is written with `If-Match` was decided by somebody who had seen all of it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, cast

from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags
from ninja import Body, Header, Router, Status
from ninja.errors import AuthenticationError, HttpError
from pydantic import JsonValue

from sessionstate import errors
from sessionstate.engine import SessionStore
from sessionstate.keys import is_public

from .jsonview import json_view
from .schemas import Problem

router = Router()

_STALE = "The session has been changed since you read it."

_WRITE: dict[int, Any] = {204: None} | dict.fromkeys((412, 413, 422), Problem)

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="The `ETag` of what you read: 412 when the session was changed since",
        example='"d6c0f2ab.7"',
    ),
]
_ETAG = {"schema": {"type": "string"}, "description": "The version of the session"}
_READS = {"responses": {200: {"headers": {"ETag": _ETAG}}}}
_WRITES = {"responses": {204: {"headers": {"ETag": _ETAG}}}}


def _session(request: HttpRequest) -> SessionStore:
    return cast(SessionStore, request.session)


def _refuse_reserved(keys: Iterable[str]) -> None:
    for key in keys:
        if not is_public(key):
            raise HttpError(422, f"The key {key!r} is reserved.")


def _tag(session: SessionStore) -> str:
    """Names the session too: the next login, or the next session of an API key, counts anew."""
    assert session.info
    return f'"{session.short_id}.{session.info.version}"'


def _refuse_stale(session: SessionStore, if_match: str) -> None:
    # A proxy that compresses turns an ETag into a weak one; it means the same version.
    tags = {tag.removeprefix("W/") for tag in parse_etags(if_match)}
    if tags.isdisjoint({"*", _tag(session)}):
        raise HttpError(412, _STALE)


@contextmanager
def _changing(
    request: HttpRequest, response: HttpResponse, if_match: str | None
) -> Iterator[SessionStore]:
    """Read, modify, write in one piece; nobody else's `atomic()` comes between."""
    session = _session(request)
    try:
        with session.atomic():
            if if_match is not None:
                _refuse_stale(session, if_match)
            version = session.info.version if session.info else 0
            yield session
            # A save that takes no turn may have come between all the same.
            if if_match is not None and if_match.strip() != "*":
                session.save_at(version)
        response["ETag"] = _tag(session)
    except errors.VersionConflict:
        raise HttpError(412, _STALE) from None
    except errors.SessionGone:
        raise AuthenticationError(message="Not authenticated") from None
    except errors.StateTooLarge as error:
        raise HttpError(413, str(error)) from None
    except errors.NotStorable as error:
        raise HttpError(422, str(error)) from None
    except errors.LockTimeout:
        raise HttpError(503, "The session is busy. Try again.") from None


def _look(session: SessionStore, key: str) -> Any:
    try:
        return json_view(session[key])
    except errors.Unreadable as error:
        return {"$error": str(error)}


def _merged(target: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7396) of one value."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


@router.get("", response=dict[str, Any], summary="All data", openapi_extra=_READS)
def get_all(request: HttpRequest, response: HttpResponse) -> dict[str, Any]:
    """Values that JSON has no word for are described: `{"$type": "numpy.ndarray", ...}`."""
    session = _session(request)
    response["ETag"] = _tag(session)
    return {key: _look(session, key) for key in session.keys() if is_public(key)}  # noqa: SIM118


@router.patch("", response=_WRITE, summary="Merge into the data", openapi_extra=_WRITES)
def patch_all(
    request: HttpRequest,
    response: HttpResponse,
    body: Body[dict[str, JsonValue]],
    if_match: IfMatch = None,
) -> Status[None]:
    """JSON merge patch: objects are merged, `null` deletes, everything else replaces."""
    _refuse_reserved(body)
    with _changing(request, response, if_match) as session:
        for key, patch in body.items():
            if patch is None:
                session.pop(key, None)
            else:
                session[key] = _merged(session.get(key) if isinstance(patch, dict) else None, patch)
    return Status(204, None)


@router.put("", response=_WRITE, summary="Replace all data", openapi_extra=_WRITES)
def put_all(
    request: HttpRequest,
    response: HttpResponse,
    body: Body[dict[str, JsonValue]],
    if_match: IfMatch = None,
) -> Status[None]:
    _refuse_reserved(body)
    with _changing(request, response, if_match) as session:
        for key in [key for key in session.keys() if is_public(key)]:  # noqa: SIM118
            if key not in body:
                del session[key]
        session.update(body)
    return Status(204, None)


@router.delete("", response=_WRITE, summary="Delete all data", openapi_extra=_WRITES)
def delete_all(
    request: HttpRequest, response: HttpResponse, if_match: IfMatch = None
) -> Status[None]:
    return put_all(request, response, {}, if_match)


@router.get(
    "/{path:key}",
    response={200: Any, 404: Problem},
    summary="One value",
    openapi_extra=_READS,
)
def get_one(request: HttpRequest, response: HttpResponse, key: str) -> Any:
    session = _session(request)
    if not is_public(key) or key not in session:
        raise HttpError(404, f"There is no key {key!r}.")
    response["ETag"] = _tag(session)
    return _look(session, key)


@router.put("/{path:key}", response=_WRITE, summary="Set one value", openapi_extra=_WRITES)
def put_one(
    request: HttpRequest,
    response: HttpResponse,
    key: str,
    body: Body[JsonValue],
    if_match: IfMatch = None,
) -> Status[None]:
    """The body is the value itself, any JSON."""
    _refuse_reserved([key])
    with _changing(request, response, if_match) as session:
        session[key] = body
    return Status(204, None)


@router.patch("/{path:key}", response=_WRITE, summary="Merge into one value", openapi_extra=_WRITES)
def patch_one(
    request: HttpRequest,
    response: HttpResponse,
    key: str,
    body: Body[JsonValue],
    if_match: IfMatch = None,
) -> Status[None]:
    """JSON merge patch of the value."""
    return patch_all(request, response, {key: body}, if_match)


@router.delete(
    "/{path:key}",
    response=_WRITE | {404: Problem},
    summary="Delete one value",
    openapi_extra=_WRITES,
)
def delete_one(
    request: HttpRequest, response: HttpResponse, key: str, if_match: IfMatch = None
) -> Status[None]:
    with _changing(request, response, if_match) as session:
        if not is_public(key) or key not in session:
            raise HttpError(404, f"There is no key {key!r}.")
        del session[key]
    return Status(204, None)
