"""My logins: list, end one, end all others."""

from django.http import HttpRequest
from ninja import Router, Status
from ninja.errors import HttpError

from accounts import own_sessions

from .schemas import Ended, Problem, SessionOut
from .security import refuse_program

router = Router()


@router.get("", response=list[SessionOut], summary="My logins")
def list_sessions(request: HttpRequest) -> list[SessionOut]:
    """The current one first, then the last used."""
    return [
        SessionOut(
            id=own.login.id,
            current=own.current,
            device=own.device,
            ip=own.login.ip,
            user_agent=own.login.user_agent,
            created=own.login.created,
            last_used=own.login.used,
            expires=own.login.expires,
        )
        for own in own_sessions.own_sessions(request)
    ]


@router.delete("", response={200: Ended, 403: Problem}, summary="End all my other logins")
def end_others(request: HttpRequest) -> Ended:
    refuse_program(request)
    return Ended(ended=own_sessions.end_others(request))


@router.delete(
    "/{session_id}",
    response={204: None, 403: Problem, 404: Problem},
    summary="End one of my logins",
)
def end_one(request: HttpRequest, session_id: str) -> Status[None]:
    refuse_program(request)
    if not own_sessions.end_own(request, session_id):
        raise HttpError(404, "You have no such session.")
    return Status(204, None)
