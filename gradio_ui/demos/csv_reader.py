"""A CSV file as a DataFrame, or a `BadFile` that says in one sentence what to do about it."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pandas as pd

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
    b"PK\x03\x04": "an Excel file. Save it as CSV first",
    b"\xd0\xcf\x11\xe0": "an old Excel file. Save it as CSV first",
    b"%PDF": "a PDF file. Choose a CSV file",
    b"PAR1": "a Parquet file. Save it as CSV first",
    b"\x1f\x8b": "a compressed file. Unpack it first",
}


class BadFile(Exception):
    """The file cannot be used; `str()` is for the person who chose it."""


def read_csv(path: Path) -> pd.DataFrame:
    """Numbers and ISO dates get their type, everything else is text. Columns are named, each
    name once. Raises `BadFile`."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise BadFile(
            f"The file has {size / 1e6:.1f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB. "
            "Choose a part of it."
        )
    return parse(path.read_bytes())


def parse(content: bytes) -> pd.DataFrame:
    text = decode(content)
    if not text.strip():
        raise BadFile("The file is empty.")
    reason = other_format(text)
    if reason:
        raise BadFile(f"This looks like {reason}, not like a CSV file.")
    delimiter = find_delimiter(text)
    header = next(csv.reader(io.StringIO(text.lstrip()), delimiter=delimiter))
    if len(header) > MAX_COLUMNS:
        raise BadFile(f"The file has {len(header)} columns; the limit is {MAX_COLUMNS}.")
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
        raise BadFile("The rows do not fit together. Is this really a CSV file?") from error
    if len(table) > MAX_ROWS:
        raise BadFile(f"The file has more than {MAX_ROWS:,} rows. Choose a part of it.")
    if table.empty:
        raise BadFile("The file has column names but no rows.")
    return with_dates(with_plain_types(named(table)))


def decode(content: bytes) -> str:
    for magic, name in NOT_CSV.items():
        if content.startswith(magic):
            raise BadFile(f"This is {name}.")
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        # What Excel writes on Windows in the west. It decodes nearly anything, so it comes last.
        text = content.decode("cp1252", errors="replace")
    sample = text[:10_000]
    odd = sum(not (char.isprintable() or char in "\r\n\t\f") or char == "\ufffd" for char in sample)
    if "\0" in text or odd > len(sample) / 50:
        raise BadFile("This is not a text file. Choose a CSV file.")
    return text


def other_format(text: str) -> str:
    start = text.lstrip()[:200].lower()
    if start.startswith(("<!doctype", "<html", "<?xml")):
        return "a web page or XML"
    if start.startswith(("{", "[{", "[[")):
        return "JSON"
    return ""


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
            name = f"column {number}"
        while name in names:
            name += " (again)"
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
