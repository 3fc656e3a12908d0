"""Errors of rules and of the store in words for the person in front of the page."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gradio_ui.passage import GrantOver
from gradio_ui.rules import Denied
from sessionstate.errors import SessionGone, StateError, StateTooLarge, StoreUnavailable

if TYPE_CHECKING:
    from gradio.block_function import BlockFunction

logger = logging.getLogger(__name__)


@contextmanager
def told(block_fn: "BlockFunction | None" = None) -> Iterator[None]:
    from gradio import Error

    try:
        yield
    except Denied as denied:
        sentence = denied.rule.sentence
        logger.info("A call of %s was refused: %s", block_fn and block_fn.name, sentence)
        raise Error(sentence, title="Not allowed", print_exception=False) from denied
    except GrantOver as error:
        raise Error(str(error), print_exception=False) from error
    except SessionGone as error:
        raise Error("You have been signed out.", print_exception=False) from error
    except StateTooLarge as error:
        logger.warning("A callback's changes were not saved: %s", error)
        raise Error(
            "Your session is full, so the last change was not saved.", print_exception=False
        ) from error
    except StoreUnavailable as error:
        logger.error("A callback's state could not be reached: %s", error)
        raise Error(
            "Your session could not be reached. Please try again in a moment.",
            print_exception=False,
        ) from error
    except StateError:
        # A mistake in the app; Gradio logs it and tells the client nothing.
        raise
