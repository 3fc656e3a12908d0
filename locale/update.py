"""Bring the catalogues up to date: `make messages`.

As Django's `makemessages` and `compilemessages` do, without GNU gettext, which few machines have:
Babel reads the sources, and Django makes Python of its templates. New and changed texts are left
empty in the catalogues for a translator; `tests/project/test_languages.py` fails until none is.
"""

import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

BASE_DIR = Path(__file__).resolve().parent.parent
LANGUAGES = ("de", "pl")
PACKAGES = ("accounts", "gradio_ui", "gradiosession", "sessionstate", "templates")
# As Django names its functions.
KEYWORDS = DEFAULT_KEYWORDS | {
    "word": None,  # gradio_ui.words
    "gettext_noop": None,
    "gettext_lazy": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
}


def po_file(language: str) -> Path:
    return BASE_DIR / "locale" / language / "LC_MESSAGES" / "django.po"


def sources() -> Iterable[tuple[Path, str]]:
    """Every file with texts, and what of it Babel can read."""
    from django.utils.translation.template import templatize

    for package in PACKAGES:
        for directory, names, files in os.walk(BASE_DIR / package):
            names[:] = sorted(set(names) - {"static", "__pycache__", "app_template"})
            for file in sorted(files):
                path = Path(directory, file)
                if path.suffix == ".py":
                    yield path, path.read_text()
                elif path.suffix in (".html", ".txt") and "templates" in path.parts:
                    text = templatize(path.read_text(), origin=str(path))
                    # Its indentation is the template's.
                    yield path, "\n".join(line.lstrip() for line in text.splitlines())


def found() -> Catalog:
    catalog = Catalog(domain="django", project="Gradio Session", fuzzy=False)
    for path, text in sources():
        name = path.relative_to(BASE_DIR).as_posix()
        for _, message, _, context in extract(
            "python", io.BytesIO(text.encode()), KEYWORDS, options={"encoding": "utf-8"}
        ):
            catalog.add(message, locations=[(name, 0)], context=context)
    return catalog


def read(language: str) -> Catalog:
    with po_file(language).open("rb") as file:
        return read_po(file, locale=language, domain="django")


def compiled(catalog: Catalog) -> bytes:
    output = io.BytesIO()
    write_mo(output, catalog)
    return output.getvalue()


def untranslated(catalog: Catalog) -> list[Message]:
    return [
        message
        for message in catalog
        if message.id
        and (
            message.fuzzy
            or not message.string
            or (isinstance(message.string, tuple) and not all(message.string))
        )
    ]


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradiosession.settings")
    sys.path.insert(0, str(BASE_DIR))
    template = found()
    for language in LANGUAGES:
        path = po_file(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalog = read(language) if path.exists() else Catalog(locale=language, domain="django")
        template.creation_date = catalog.creation_date
        catalog.update(template, no_fuzzy_matching=True, update_header_comment=False)
        catalog.obsolete.clear()
        catalog.header_comment = "# Texts of Gradio Session; locale/update.py keeps this file."
        catalog.fuzzy = False
        with path.open("wb") as file:
            write_po(file, catalog, sort_output=True, include_lineno=False, width=100)
        path.with_suffix(".mo").write_bytes(compiled(catalog))
        print(f"{language}: {len(catalog)} texts, {len(untranslated(catalog))} to translate")


if __name__ == "__main__":
    main()
