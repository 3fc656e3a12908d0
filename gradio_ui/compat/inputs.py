"""Input that does not fit its component, or its event. Gradio takes it for a mistake of the app:
`/run` answers 500, and the log gets a traceback."""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn

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
        try:
            return special_args(fn, inputs, *args, **kwargs)
        except Exception as error:
            if inputs is None:  # while the app is built
                raise
            _fail(error, getattr(fn, "__name__", ""))

    module.special_args = fitting


def hook_inputs(blocks: "gradio.Blocks") -> None:
    """Around what makes the arguments of a function out of the data of a request."""
    preprocess_data = blocks.preprocess_data

    async def checked(block_fn: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await preprocess_data(block_fn, *args, **kwargs)
        except Exception as error:
            _fail(error, block_fn.name)

    blocks.preprocess_data = checked  # type: ignore[method-assign]


def _fail(error: Exception, name: Any) -> NoReturn:
    """`error` is the fault of who calls this function."""
    from gradio import Error

    if isinstance(error, Unavailable):
        raise error
    note()
    if isinstance(error, Error):
        raise error
    cause = error.__cause__ or error
    logger.warning(
        "%s() was given input that does not fit: %s: %.200s", name, type(cause).__name__, cause
    )
    raise untold(_("This input does not fit.")) from error


def note(status: int = 422) -> None:
    """To be answered in place of 500."""
    if (statuses := _statuses.get(None)) is not None:
        statuses[500] = status
