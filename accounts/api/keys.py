"""My API keys: list, make, revoke."""

from typing import cast

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from ninja import Path, Router, Status
from ninja.errors import HttpError

from accounts.models import ApiKey
from accounts.programs import TooManyKeys, create_key, keys_of, revoke_key

from .schemas import KeyMade, KeyOut, NewKey, Problem
from .security import refuse_program

router = Router()

_MOST_ID = 2**63 - 1


@router.get("", response={200: list[KeyOut], 401: Problem}, summary="My API keys")
def list_keys(request: HttpRequest) -> list[KeyOut]:
    """The newest first, without the revoked. The keys themselves are not stored anywhere."""
    return [KeyOut.of(key) for key in keys_of(request.user.pk)]


@router.post(
    "",
    response={201: KeyMade, 401: Problem, 403: Problem, 409: Problem, 422: Problem},
    summary="Make an API key",
)
@sensitive_variables()
def make_key(request: HttpRequest, body: NewKey) -> Status[KeyMade]:
    """The answer is the one place that ever shows the key. An API key cannot make others."""
    refuse_program(request)
    try:
        key, raw = create_key(cast(User, request.user), **body.dict())
    except TooManyKeys as error:
        raise HttpError(409, str(error)) from None
    return Status(201, KeyMade(**KeyOut.of(key).dict(), key=raw))


@router.delete(
    "/{key_id}",
    response={204: None, 401: Problem, 403: Problem, 404: Problem, 422: Problem},
    summary="Revoke an API key",
)
def revoke_one(request: HttpRequest, key_id: Path[int]) -> Status[None]:
    """The key is refused from now on, and its session ends."""
    refuse_program(request)
    key = None
    if 0 < key_id <= _MOST_ID:
        key = ApiKey.objects.filter(pk=key_id, user=cast(User, request.user), revoked=None).first()
    if key is None:
        raise HttpError(404, "You have no such API key.")
    revoke_key(key)
    return Status(204, None)
