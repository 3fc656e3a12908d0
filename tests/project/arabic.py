"""The settings of a site with a language from right to left. Our own texts in it fall back to
English; Django and allauth have theirs."""

from gradiosession.settings import *  # noqa: F403
from gradiosession.settings import LANGUAGES

LANGUAGES = [*LANGUAGES, ("ar", "Arabic")]
