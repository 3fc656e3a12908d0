"""Input that does not fit its component, or its event. Gradio takes it for a mistake of the app:
`/run` answers 500, and the log gets a traceback."""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_noop as _

from gradio_ui.storage import Unavailable
from gradio_ui.telling import untold

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


def install() -> None:
    """Around what adds to the arguments of a function what its event says (`gr.SelectData`)."""
    from gradio import blocks

    module: Any = blocks
    if hasattr(module.special_args, "__wrapped__"):
        return
    special_args: Callable[..., Any] = module.special_args

    @functools.wraps(special_args)
    def fitting(fn: Any, inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
        with fits(getattr(fn, "__name__", "")) if inputs is not None else nullcontext():
            return special_args(fn, inputs, *args, **kwargs)

    module.special_args = fitting


def hook_inputs(blocks: "gradio.Blocks") -> None:
    """Around what makes the arguments of a function out of the data of a request."""
    preprocess_data = blocks.preprocess_data

    async def checked(block_fn: Any, *args: Any, **kwargs: Any) -> Any:
        with fits(block_fn.name):
            return await preprocess_data(block_fn, *args, **kwargs)

    blocks.preprocess_data = checked  # type: ignore[method-assign]


@contextmanager
def fits(name: Any) -> Iterator[None]:
    """What fails within is the fault of who calls this function."""
    from gradio import Error

    try:
        yield
    except Error:
        note()
        raise
    except Unavailable:
        raise
    except Exception as error:
        note()
        cause = error.__cause__ or error
        logger.warning(
            "%s() was given input that does not fit: %s: %.200s", name, type(cause).__name__, cause
        )
        raise untold(_("This input does not fit.")) from error


def note(status: int = 422) -> None:
    """To be answered in place of 500."""
    if (statuses := _statuses.get(None)) is not None:
        statuses[500] = status
