"""A CSV file as a DataFrame, or a `BadFile` that says in one sentence what to do about it."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pandas as pd
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

MAX_BYTES = 2_000_000
MAX_ROWS = 20_000
MAX_COLUMNS = 60
MAX_NAME = 60
DELIMITERS = ",;\t|"

NUMBER = re.compile(r"\s*-?(\d+\.?\d*|\.\d+)\s*")
DATE = re.compile(
    r"\s*\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?\s*"
)
# First bytes of files that people rename or export by mistake.
NOT_CSV = {
    b"PK\x03\x04": _("This is an Excel file. Save it as CSV first."),
    b"\xd0\xcf\x11\xe0": _("This is an old Excel file. Save it as CSV first."),
    b"%PDF": _("This is a PDF file. Choose a CSV file."),
    b"PAR1": _("This is a Parquet file. Save it as CSV first."),
    b"\x1f\x8b": _("This is a compressed file. Unpack it first."),
}


class BadFile(Exception):
    """The file cannot be used; `str()` is for the person who chose it."""


def read_csv(path: Path) -> pd.DataFrame:
    """Numbers and ISO dates get their type, everything else is text. Columns are named, each
    name once. Raises `BadFile`."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        sentence = gettext(
            "The file has %(size)s MB; the limit is %(limit)s MB. Choose a part of it."
        )
        raise BadFile(sentence % {"size": f"{size / 1e6:.1f}", "limit": f"{MAX_BYTES / 1e6:.0f}"})
    return parse(path.read_bytes())


def parse(content: bytes) -> pd.DataFrame:
    text = decode(content)
    if not text.strip():
        raise BadFile(gettext("The file is empty."))
    if is_markup(text):
        raise BadFile(gettext("This looks like a web page or XML, not like a CSV file."))
    if text.lstrip().startswith(("{", "[{", "[[")):
        raise BadFile(gettext("This looks like JSON, not like a CSV file."))
    delimiter = find_delimiter(text)
    header = next(csv.reader(io.StringIO(text.lstrip()), delimiter=delimiter))
    if len(header) > MAX_COLUMNS:
        sentence = gettext("The file has %(columns)s columns; the limit is %(limit)s.")
        raise BadFile(sentence % {"columns": len(header), "limit": MAX_COLUMNS})
    # A first line of numbers only is data: the file has no header.
    headless = all(NUMBER.fullmatch(cell) for cell in header)
    try:
        table = pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            header=None if headless else 0,
            skipinitialspace=True,
            index_col=False,
            nrows=MAX_ROWS + 1,
            decimal="," if delimiter == ";" and decimal_comma(text) else ".",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error, ValueError) as error:
        raise BadFile(
            gettext("The rows do not fit together. Is this really a CSV file?")
        ) from error
    if len(table) > MAX_ROWS:
        sentence = gettext("The file has more than %(limit)s rows. Choose a part of it.")
        raise BadFile(sentence % {"limit": number_format(MAX_ROWS, force_grouping=True)})
    if table.empty:
        raise BadFile(gettext("The file has column names but no rows."))
    return with_dates(with_plain_types(named(table)))


def decode(content: bytes) -> str:
    for magic, sentence in NOT_CSV.items():
        if content.startswith(magic):
            raise BadFile(gettext(sentence))
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        # What Excel writes on Windows in the west. It decodes nearly anything, so it comes last.
        text = content.decode("cp1252", errors="replace")
    sample = text[:10_000]
    odd = sum(not (char.isprintable() or char in "\r\n\t\f") or char == "\ufffd" for char in sample)
    if "\0" in text or odd > len(sample) / 50:
        raise BadFile(gettext("This is not a text file. Choose a CSV file."))
    return text


def is_markup(text: str) -> bool:
    return text.lstrip()[:200].lower().startswith(("<!doctype", "<html", "<?xml"))


def find_delimiter(text: str) -> str:
    """What cuts the first lines most evenly; a comma when there is only one column."""
    lines = [line for line in text[:65_536].splitlines() if line.strip()][:20]
    best, best_rank = ",", (0, 0)
    for delimiter in DELIMITERS:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        if counts and counts[0] > 1:
            rank = (counts.count(counts[0]), counts[0])
            if rank > best_rank:
                best, best_rank = delimiter, rank
    return best


def decimal_comma(text: str) -> bool:
    return re.search(r"(^|;)\s*-?\d+,\d+\s*(;|$)", text[:65_536], re.MULTILINE) is not None


def named(table: pd.DataFrame) -> pd.DataFrame:
    names: list[str] = []
    for number, column in enumerate(table.columns, start=1):
        name = " ".join(str(column).split())[:MAX_NAME]
        if isinstance(column, int) or not name or name.startswith("Unnamed:"):
            name = gettext("column %(number)s") % {"number": number}
        while name in names:
            name = gettext("%(name)s (again)") % {"name": name}
        names.append(name)
    table.columns = pd.Index(names)
    return table


def with_plain_types(table: pd.DataFrame) -> pd.DataFrame:
    """Columns that pandas read as a mix of types become text."""
    for name in table.columns:
        column = table[name]
        if pd.api.types.is_bool_dtype(column) or column.dtype == object:
            table[name] = column.astype("str").where(column.notna(), None).astype("str")
    return table


def with_dates(table: pd.DataFrame) -> pd.DataFrame:
    for name in table.columns:
        column = table[name]
        if not pd.api.types.is_string_dtype(column):
            continue
        filled = column.dropna()
        if len(filled) and filled.map(lambda cell: DATE.fullmatch(cell) is not None).all():
            dates = pd.to_datetime(column, format="ISO8601", errors="coerce", utc=True)
            if dates.notna().sum() == len(filled):
                table[name] = dates.dt.tz_localize(None)
    return table
