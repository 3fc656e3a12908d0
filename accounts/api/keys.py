"""My API keys: list, make, revoke."""

from typing import cast

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables
from ninja import Path, Router, Status
from ninja.errors import HttpError

from accounts.models import ApiKey
from accounts.problems import REAUTHENTICATION_REQUIRED
from accounts.programs import TooManyKeys, create_key, keys_of, revoke_key
from accounts.signin import reauthenticate, signed_in_lately
from accounts.throttle import TooManyAttempts

from .errors import Refused, too_many
from .schemas import KeyMade, KeyOut, NewKey, Problem
from .security import refuse_program

router = Router()

_MOST_ID = 2**63 - 1


@router.get("", response=list[KeyOut], summary="My API keys")
def list_keys(request: HttpRequest) -> list[KeyOut]:
    """The newest first, without the revoked. The keys themselves are not stored anywhere."""
    return [KeyOut.of(key) for key in keys_of(request.user.pk)]


@router.post(
    "",
    response={201: KeyMade, 403: Problem, 409: Problem, 429: Problem},
    summary="Make an API key",
)
@sensitive_variables()
def make_key(request: HttpRequest, body: NewKey) -> Status[KeyMade]:
    """The answer is the one place that ever shows the key. An API key cannot make others.

    Whoever signed in more than five minutes ago sends `password` too, and gets a 403 of the type
    `urn:gradiosession:problem:reauthentication-required` without it: a key outlives the session,
    and a token that was stolen must not turn into one.
    """
    refuse_program(request)
    _prove(request, body.password)
    try:
        key, raw = create_key(cast(User, request.user), **body.dict(exclude={"password"}))
    except TooManyKeys as error:
        raise HttpError(409, str(error)) from None
    return Status(201, KeyMade(**KeyOut.of(key).dict(), key=raw))


def _prove(request: HttpRequest, password: str | None) -> None:
    if password is None:
        if signed_in_lately(request):
            return
        detail = "You signed in a while ago. Send your password too."
        raise Refused(403, detail, type=REAUTHENTICATION_REQUIRED)
    try:
        right = reauthenticate(request, password)
    except TooManyAttempts as error:
        raise too_many(error) from None
    if not right:
        raise Refused(403, "The password is not right.", type=REAUTHENTICATION_REQUIRED)


@router.delete(
    "/{key_id}",
    response={204: None, 403: Problem, 404: Problem},
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
