"""What the gate knows of a request that it let pass, for our parts behind Gradio."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradio_ui.ownership import Owner, Pages

_KEY = "gradio_ui.passage"


@dataclass(frozen=True, slots=True)
class Passage:
    slug: str
    owner: Owner
    pages: Pages

    def entry(self) -> dict[str, "Passage"]:
        """For the scope of the request, which outlives it in the events that it made."""
        return {_KEY: self}


def of(scope: Mapping[str, Any]) -> Passage | None:
    """`None` for a request that passed no gate: of a test, of an example being cached."""
    passage: Passage | None = scope.get(_KEY)
    return passage
