"""What the gate knows of a request that it let pass, for our parts behind Gradio."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradio_ui.rates import Limit
from sessionstate.errors import SessionGone
from sessionstate.recent import Reading

if TYPE_CHECKING:
    # Callbacks are decorated before Django has its models.
    from gradio_ui.limits import Booking, Limits
    from gradio_ui.ownership import Owner, Pages
    from gradio_ui.revocation import Grant


_KEY = "gradio_ui.passage"


class GrantOver(SessionGone):
    """The session or the permission has ended that this was begun with."""


@dataclass(frozen=True, slots=True)
class Passage:
    slug: str
    owner: "Owner"
    pages: "Pages"
    grant: "Grant"
    limits: "Limits"
    # What its call is counted for, see `gradio_ui.limits`.
    booking: "Booking"
    # The session as the gate has read it, of a request that makes an event.
    reading: Reading | None = None

    @property
    def paid(self) -> frozenset[Limit]:
        return self.booking.limits

    def entry(self) -> dict[str, "Passage"]:
        """For the scope of the request, which outlives it in the events that it made."""
        return {_KEY: self}


def of(scope: Mapping[str, Any]) -> Passage | None:
    """`None` for a request that passed no gate: of a test, of an example being cached."""
    passage: Passage | None = scope.get(_KEY)
    return passage
