"""Texts of components, for readers of all languages.

An app is built once. Its components are given the English text with a mark, and Gradio's page puts
in its place what the catalogues of the site (`locale/`) make of it for the reader.
"""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext, override

if TYPE_CHECKING:
    import gradio
    from gradio.i18n import I18n, I18nData

# As Gradio writes a mark into a text of which it is a part.
_MARK = re.compile(r"__i18n__(\{[^}]*\})")
# Of what is not in the catalogues as it stands: the text there, and what is put into it.
_filled: dict[str, tuple[str, dict[str, Any]]] = {}


def word(text: str, **values: Any) -> "I18nData":
    """For a label, an info, a placeholder, the text of a button or of Markdown; at most one in
    each. `values` fill places like `%(name)s`."""
    from gradio.i18n import I18nData

    if not values:
        return I18nData(text)
    filled = _with(text, values)
    _filled[filled] = text, values
    return I18nData(filled)


def known_to(blocks: "gradio.Blocks", given: "I18n | None") -> "I18n | None":
    """For the page of an app: `given` by itself, and what its components say in each language."""
    from gradio.i18n import I18n

    texts = sorted({*_marked(blocks.get_config_file()["components"])})
    found = dict(given.translations_dict) if given else {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            ours = {text: said for text in texts if (said := _said(text)) != text}
        if ours:
            found[language] = ours | found.get(language, {})
    return I18n(**found) if found else given


def _said(text: str) -> str:
    template, values = _filled.get(text, (text, {}))
    return _with(gettext(template), values)


def _with(text: str, values: dict[str, Any]) -> str:
    said = {
        name: number_format(value, force_grouping=True) if isinstance(value, int) else value
        for name, value in values.items()
    }
    return text % said if said else text


def _marked(value: Any) -> Iterator[str]:
    from gradio.i18n import I18nData

    if isinstance(value, I18nData):
        yield value.key
    elif isinstance(value, str):
        for mark in _MARK.findall(value):
            yield json.loads(mark)["key"]
    elif isinstance(value, dict):
        yield from _marked(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _marked(part)
