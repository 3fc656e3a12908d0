"""What the panel of conversations says. An app is built once, for readers of all languages: it is
given keys, and Gradio's page puts in their places what its reader understands."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext, override
from django.utils.translation import gettext_noop as _

if TYPE_CHECKING:
    import gradio
    from gradio.i18n import I18n, I18nData

# Gradio takes a dot for a step into a group of keys.
_PREFIX = "conversations_"
_WORDS = {
    "panel": _("Conversations"),
    "new": _("New chat"),
    "list": _("Your conversations"),
    "kept": _("No conversations yet. What you ask is kept here."),
    "not_kept": _("Sign in, and what you ask is kept here."),
    "title": _("Title of this conversation"),
    "delete": _("Delete this conversation"),
    "delete_for_good": _("Delete for good"),
    "keep": _("Keep it"),
}


def word(name: str) -> "I18nData":
    from gradio.i18n import I18nData

    assert name in _WORDS
    return I18nData(_PREFIX + name)


def known_to(blocks: "gradio.Blocks", given: "I18n | None") -> "I18n | None":
    """For the page of an app: the app's own translations, and ours if it has such a panel."""
    from gradio.i18n import I18n

    labels = (getattr(block, "label", None) for block in blocks.blocks.values())
    if not any(getattr(label, "key", "") == _PREFIX + "panel" for label in labels):
        return given
    found = dict(given.translations_dict) if given else {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            ours = {_PREFIX + name: gettext(text) for name, text in _WORDS.items()}
        found[language] = ours | found.get(language, {})
    return I18n(**found)
