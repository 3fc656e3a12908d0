"""My session's data as JSON: whole and per key.

Keys that begin with `_`, and those in which allauth notes how somebody signed in, are neither
shown nor changed here: whoever may write them could declare their own address confirmed.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.http import HttpRequest
from ninja import Body, Router, Status
from ninja.errors import AuthenticationError, HttpError
from pydantic import JsonValue

from sessionstate import errors
from sessionstate.engine import SessionStore
from sessionstate.keys import is_public

from .jsonview import json_view
from .schemas import Problem

router = Router()

_WRITE: dict[int, Any] = {204: None, 401: Problem, 403: Problem, 413: Problem, 422: Problem}


def _session(request: HttpRequest) -> SessionStore:
    return cast(SessionStore, request.session)


def _refuse_reserved(keys: Iterable[str]) -> None:
    for key in keys:
        if not is_public(key):
            raise HttpError(422, f"The key {key!r} is reserved.")


@contextmanager
def _changing(request: HttpRequest) -> Iterator[SessionStore]:
    """Read, modify, write in one piece; nobody else's `atomic()` comes between."""
    session = _session(request)
    try:
        with session.atomic():
            yield session
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


@router.get("", response={200: dict[str, Any], 401: Problem}, summary="All data")
def get_all(request: HttpRequest) -> dict[str, Any]:
    """Values that JSON has no word for are described: `{"$type": "numpy.ndarray", ...}`."""
    session = _session(request)
    return {key: _look(session, key) for key in session.keys() if is_public(key)}  # noqa: SIM118


@router.patch("", response=_WRITE, summary="Merge into the data")
def patch_all(request: HttpRequest, body: Body[dict[str, JsonValue]]) -> Status[None]:
    """JSON merge patch: objects are merged, `null` deletes, everything else replaces."""
    _refuse_reserved(body)
    with _changing(request) as session:
        for key, patch in body.items():
            if patch is None:
                session.pop(key, None)
            else:
                session[key] = _merged(session.get(key) if isinstance(patch, dict) else None, patch)
    return Status(204, None)


@router.put("", response=_WRITE, summary="Replace all data")
def put_all(request: HttpRequest, body: Body[dict[str, JsonValue]]) -> Status[None]:
    _refuse_reserved(body)
    with _changing(request) as session:
        for key in [key for key in session.keys() if is_public(key)]:  # noqa: SIM118
            if key not in body:
                del session[key]
        session.update(body)
    return Status(204, None)


@router.delete("", response=_WRITE, summary="Delete all data")
def delete_all(request: HttpRequest) -> Status[None]:
    return put_all(request, {})


@router.get("/{path:key}", response={200: Any, 401: Problem, 404: Problem}, summary="One value")
def get_one(request: HttpRequest, key: str) -> Any:
    session = _session(request)
    if not is_public(key) or key not in session:
        raise HttpError(404, f"There is no key {key!r}.")
    return _look(session, key)


@router.put("/{path:key}", response=_WRITE, summary="Set one value")
def put_one(request: HttpRequest, key: str, body: Body[JsonValue]) -> Status[None]:
    """The body is the value itself, any JSON."""
    _refuse_reserved([key])
    with _changing(request) as session:
        session[key] = body
    return Status(204, None)


@router.patch("/{path:key}", response=_WRITE, summary="Merge into one value")
def patch_one(request: HttpRequest, key: str, body: Body[JsonValue]) -> Status[None]:
    """JSON merge patch of the value."""
    return patch_all(request, {key: body})


@router.delete("/{path:key}", response=_WRITE | {404: Problem}, summary="Delete one value")
def delete_one(request: HttpRequest, key: str) -> Status[None]:
    with _changing(request) as session:
        if not is_public(key) or key not in session:
            raise HttpError(404, f"There is no key {key!r}.")
        del session[key]
    return Status(204, None)
