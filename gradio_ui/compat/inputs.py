"""Input that does not fit its component. Gradio takes it for a mistake of the app: `/run` answers
500, and the log gets a traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from gradio_ui.storage import Unavailable

if TYPE_CHECKING:
    import gradio

logger = logging.getLogger(__name__)

# Of the request that is being answered: what to answer instead of some statuses. A dictionary, so
# that what is noted in a copy of the context is seen here.
_statuses: ContextVar[dict[int, int]] = ContextVar("gradio_ui_statuses")


@contextmanager
def noting(statuses: dict[int, int]) -> Iterator[None]:
    """`statuses` gets 422 in place of 500 when input does not fit."""
    token = _statuses.set(statuses)
    try:
        yield
    finally:
        _statuses.reset(token)


def hook_inputs(blocks: "gradio.Blocks") -> None:
    """Around what makes the arguments of a function out of the data of a request."""
    from gradio import Error

    preprocess_data = blocks.preprocess_data

    async def checked(block_fn: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await preprocess_data(block_fn, *args, **kwargs)
        except Error:
            note()
            raise
        except Unavailable:
            raise
        except Exception as error:
            note()
            cause = error.__cause__ or error
            logger.warning(
                "%s() was given input that does not fit: %s: %.200s",
                block_fn.name,
                type(cause).__name__,
                cause,
            )
            raise Error("This input does not fit.", print_exception=False) from error

    blocks.preprocess_data = checked  # type: ignore[method-assign]


def note(status: int = 422) -> None:
    """To be answered in place of 500."""
    if (statuses := _statuses.get(None)) is not None:
        statuses[500] = status
