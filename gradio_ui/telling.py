"""Errors of rules and of the store in words for the person in front of the page."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from starlette.types import Scope

from gradio_ui import languages
from gradio_ui.passage import GrantOver
from gradio_ui.rules import Denied
from sessionstate.errors import SessionGone, StateError, StateTooLarge, StoreUnavailable

if TYPE_CHECKING:
    import gradio

logger = logging.getLogger(__name__)


def error(scope: Scope | None, sentence: str) -> "gradio.Error":
    """An error that the page shows to who has sent this request, in their language."""
    from gradio import Error

    with languages.of(scope):
        return Error(gettext(sentence), title=gettext("Error"), print_exception=False)


def untold(sentence: str) -> "gradio.Error":
    """The same where it is not known who asks: to be made an `error` by who knows."""
    from gradio import Error

    error = Error(sentence, print_exception=False)
    error.is_untold = True
    return error


@contextmanager
def told(scope: Scope, function: str = "") -> Iterator[None]:
    """`scope`: of the request that is served; `function`: the name of what it has called."""
    try:
        yield
    except Denied as denied:
        from gradio import Error

        with languages.of(scope):
            sentence, title = denied.rule.sentence, gettext("Not allowed")
        logger.info("A call of %s was refused: %s", function, sentence)
        raise Error(sentence, title=title, print_exception=False) from denied
    except GrantOver as over:
        raise error(scope, str(over)) from over
    except SessionGone as gone:
        raise error(scope, _("You have been signed out.")) from gone
    except StateTooLarge as full:
        logger.warning("A callback's changes were not saved: %s", full)
        sentence = _("Your session is full, so the last change was not saved.")
        raise error(scope, sentence) from full
    except StoreUnavailable as away:
        logger.error("A callback's state could not be reached: %s", away)
        sentence = _("Your session could not be reached. Please try again in a moment.")
        raise error(scope, sentence) from away
    except StateError:
        # A mistake in the app; Gradio logs it and tells the client nothing.
        raise
