"""How much this process has to do at the moment, counted when somebody asks."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradio_ui.compat import pages
from gradio_ui.connections import Connections

if TYPE_CHECKING:
    import gradio


@dataclass(frozen=True, slots=True)
class Load:
    # Events.
    waiting: int
    running: int
    # Open responses: of events, and those that never end (heartbeats).
    streams: int
    heartbeats: int


def load(all_blocks: Iterable["gradio.Blocks"], connections: Connections) -> Load:
    """From any thread."""
    of_apps = list(all_blocks)
    heartbeats = connections.count(endless=True)
    return Load(
        sum(map(pages.count_waiting, of_apps)),
        sum(map(pages.count_running, of_apps)),
        connections.count(endless=False),
        heartbeats,
    )
