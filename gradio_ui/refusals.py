"""What the parts of the gate refuse, as a problem that can be told."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error as DatabaseError
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from starlette.types import Scope

from gradio_ui import languages
from gradio_ui.bodies import Malformed, TooLarge
from gradio_ui.cluster.errors import NoAnswer, Silent, Stopped
from gradio_ui.limits import NoRoom
from gradio_ui.names import BadName
from gradio_ui.ownership import NotOwner, TooMany
from gradio_ui.passage import GrantOver
from gradio_ui.problems import Problem
from gradio_ui.ranges import BadRange
from gradio_ui.rates import Exceeded
from gradio_ui.rules import Denied
from gradio_ui.storage import Unavailable as FilesUnavailable
from gradio_ui.targets import NoSuchTarget
from sessionstate.errors import StoreUnavailable

UNAVAILABLE = Problem(
    503,
    _("Temporarily unavailable"),
    _("Sessions cannot be reached at the moment. Please try again."),
    {"Retry-After": "5"},
)
FILES_UNAVAILABLE = Problem(
    503,
    _("Temporarily unavailable"),
    _("Files cannot be reached at the moment. Please try again."),
    {"Retry-After": "5"},
)
_NOT_YOURS = Problem(403, _("Forbidden"), _("This belongs to another session."))


class Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


class LoginNeeded(Refused):
    """401. A page sends its visitor to the login instead."""


@contextmanager
def explaining(scope: Scope) -> Iterator[None]:
    """What the parts of the gate refuse, as `Refused`, in the language of who asks."""
    try:
        yield
    except Exception as error:
        with languages.of(scope):
            problem = _problem(error)
        if problem is None:
            raise
        raise Refused(problem) from error


def _problem(error: Exception) -> Problem | None:
    match error:
        case TooLarge():
            detail = gettext("At most %(limit)s bytes may be sent here.") % {"limit": error.limit}
            return Problem(413, _("Too large"), detail)
        case NoRoom():
            return Problem(413, _("No room left"), _("Your files take up all the room you have."))
        case BadRange():
            return Problem(416, "Range not satisfiable", str(error))
        case Malformed() | BadName():
            return Problem(400, "Bad request", str(error))
        case NoSuchTarget():
            return Problem(404, _("Not found"), str(error))
        case NotOwner():
            return _NOT_YOURS
        case GrantOver():
            return Problem(403, _("Forbidden"), str(error))
        case Denied():
            return Problem(403, _("Not allowed"), error.rule.sentence)
        case TooMany():
            return Problem(429, _("Too many requests"), error.sentence, {"Retry-After": "10"})
        case Exceeded():
            return Problem(429, _("Too many requests"), error.sentence, error.headers)
        case StoreUnavailable() | DatabaseError():
            return UNAVAILABLE
        case FilesUnavailable():
            return FILES_UNAVAILABLE
        case NoAnswer():
            return Problem(503, _("Temporarily unavailable"), str(error), {"Retry-After": "3"})
        case Silent():
            return Problem(502, _("No answer"), str(error))
        case Stopped():
            # Without Retry-After: pages and clients would.
            return Problem(502, _("Stopped"), str(error))
    return None
