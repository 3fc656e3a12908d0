"""Files as people have them: what is read, and what is refused with which sentence."""

import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from gradio_ui.demos import csv_reader
from gradio_ui.demos.csv_reader import BadFile, parse, read_csv


def types(table: pd.DataFrame) -> list[str]:
    kinds = {"i": "number", "f": "number", "M": "date"}
    return [kinds.get(getattr(dtype, "kind", "O"), "text") for dtype in table.dtypes]


def test_numbers_dates_and_text_get_their_type() -> None:
    table = parse(b"name,n,share,day\nada,1,0.5,2025-01-31\nbob,2,,2025-02-01\n")
    assert list(table.columns) == ["name", "n", "share", "day"]
    assert types(table) == ["text", "number", "number", "date"]
    assert table["share"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a;b\n1,5;x\n2,25;y\n", [1.5, 2.25]),
        (b"a\tb\n1.5\tx\n2.25\ty\n", [1.5, 2.25]),
        (b"a|b\n1.5|x\n2.25|y\n", [1.5, 2.25]),
        (b'a,b\r\n1.5,"x, y"\r\n2.25,"z"\r\n', [1.5, 2.25]),
        (b"a\n1.5\n2.25\n", [1.5, 2.25]),
        (b"\xef\xbb\xbfa,b\n1.5,x\n2.25,y\n", [1.5, 2.25]),
    ],
    ids=["semicolon and decimal comma", "tab", "bar", "quoted comma", "one column", "BOM"],
)
def test_the_delimiter_is_found(content: bytes, expected: list[float]) -> None:
    assert parse(content)["a"].tolist() == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_of_spreadsheets_are_understood(encoding: str) -> None:
    table = parse("Straße,Größe\nÜber,1\n".encode(encoding))
    assert list(table.columns) == ["Straße", "Größe"]
    assert table.iloc[0, 0] == "Über"


def test_a_file_without_a_header_gets_names() -> None:
    table = parse(b"1,2\n3,4\n")
    assert list(table.columns) == ["column 1", "column 2"]
    assert len(table) == 2


def test_every_column_has_a_name_of_its_own() -> None:
    table = parse(b"a,a,,b  c\n1,2,3,4\n")
    assert len(set(table.columns)) == 4
    assert list(table.columns)[2:] == ["column 3", "b c"]


def test_true_and_false_are_text_and_not_numbers() -> None:
    assert types(parse(b"ok,n\nTrue,1\nFalse,2\n")) == ["text", "number"]


def test_a_column_with_one_bad_date_stays_text() -> None:
    assert types(parse(b"day,n\n2025-01-31,1\n2025-02-31,2\n")) == ["text", "number"]


def excel() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"a,b\n", "no rows"),
        (excel(), "Excel"),
        (b"%PDF-1.7\n...", "PDF"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b'{"a": [1, 2]}', "JSON"),
        (b'[{"a": 1}]', "JSON"),
        (bytes(range(256)) * 20, "not a text file"),
        (b"a,b\n1,2\n3,4,5,6\n7,8\n", "do not fit together"),
        (b'a,b\n"never closed,2\n', "do not fit together"),
        (",".join(f"c{n}" for n in range(61)).encode() + b"\n" + b"1," * 60 + b"1\n", "61 columns"),
        (b"a\n" + b"1\n" * (csv_reader.MAX_ROWS + 1), "more than 20,000 rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_a_usable_csv_is_refused_in_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(BadFile) as error:
        parse(content)
    assert sentence in str(error.value)
    assert str(error.value).endswith((".", "?"))


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(b"a\n" + b"1\n" * csv_reader.MAX_BYTES)
    with pytest.raises(BadFile, match=r"4\.0 MB; the limit is 2 MB"):
        read_csv(path)


def test_the_largest_file_that_is_allowed_fits_into_a_session() -> None:
    from sessionstate.codec import encode
    from sessionstate.conf import conf

    row = b"abcdefgh,12345678,2025-01-01,1.2345678\n"
    content = b"text,number,day,share\n" + row * csv_reader.MAX_ROWS
    assert len(encode(parse(content))) < conf.max_bytes
