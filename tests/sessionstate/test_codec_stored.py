"""What is stored stays readable by later releases, and damage never passes for a value."""

import json
import subprocess
import sys
import zlib
from collections import OrderedDict
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sessionstate.codec import DecodeError, codes, decode, encode, storable


@storable("tests.stored")
class Stored(NamedTuple):
    a: int
    b: list[str]


EXAMPLES: dict[str, Any] = {
    "plain": {"k": [None, True, False, -1, 2**63, 1.5, "ü", "\ud800", b"\x00"], 1: {}},
    "numbers": [2**64, -(2**70), 1 - 2j, Decimal("-0.10"), Decimal("NaN")],
    "collections": [(1, (2,)), {"a", "b"}, frozenset({1}), {1, "a"}, OrderedDict(b=1, a=2)],
    "bytearray": [bytearray(b"ab"), bytearray()],
    "datetimes": [
        datetime(2024, 5, 6, 7, 8, 9, 10),
        datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-3), "X")),
    ],
    "times": [date(2024, 5, 6), time(1, 2, 3, tzinfo=UTC), timedelta(-1, 2, 3)],
    "uuid and paths": [
        *(UUID(int=5), Path("a/b"), PurePosixPath("/"), PureWindowsPath("c:/x")),
    ],
    "model": Stored(1, ["x"]),
    "arrays": [
        np.arange(3, dtype="<i2"),
        np.asfortranarray(np.ones((2, 2), "<f4")),
        np.array("2024", "M8[s]"),
        np.ones(1, [("a", "u1"), ("b", "<U1")]),
    ],
    "numpy scalars": [np.float32(1.5), np.str_("a"), np.bytes_(b"a"), np.timedelta64(1, "h")],
    "frame": pd.DataFrame(
        {
            "i": np.arange(2, dtype="i8"),
            "t": pd.array(["a", None], dtype=pd.StringDtype("python", na_value=np.nan)),
            "o": pd.Series([1, "x"], dtype=object),
            "c": pd.Categorical(["a", "b"]),
            "m": pd.array([1, None], dtype="Int64"),
            "z": pd.date_range("2024", periods=2, tz="Europe/Berlin", unit="s"),
            "p": pd.period_range("2024", periods=2, freq="M"),
            "v": pd.interval_range(0, 2),
        }
    ),
    "series": pd.Series(
        [1.5, 2.5],
        index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None]),
        name="s",
    ),
    "indexes": [pd.RangeIndex(3), pd.date_range("2024", periods=2, freq="D", unit="s")],
    "pandas scalars": [
        *(pd.NA, pd.NaT, pd.Timestamp("2024", tz="UTC").as_unit("s"), pd.Timedelta(1, "s")),
        *(pd.Period("2024-01", "M"), pd.Interval(0, 1)),
    ],
    "image": Image.linear_gradient("L").resize((4, 2)),
    "palette": Image.linear_gradient("L").resize((4, 2)).convert("P"),
}

# Written by codec version 1, and never anew: whoever must change one of these is about to make the
# sessions of running sites unreadable.
STORED: dict[str, str] = json.loads(Path(__file__).with_name("codec_v1.json").read_text())


def sealed(body: bytes, version: int = 1) -> bytes:
    """As `encode` would end it, so that damage gets past the checksum."""
    data = bytes((version,)) + body
    return data + zlib.crc32(data).to_bytes(4, "big")


@pytest.mark.parametrize("name", EXAMPLES)
def test_data_of_version_1_is_read(name: str) -> None:
    value = decode(bytes.fromhex(STORED[name]))
    assert type(value) is type(EXAMPLES[name])
    assert encode(value) == encode(EXAMPLES[name])


def test_there_is_stored_data_of_every_code() -> None:
    seen: set[int] = set()
    for stored in STORED.values():
        body = bytes.fromhex(stored)[1:-4]
        msgpack.unpackb(
            body,
            strict_map_key=False,
            unicode_errors="surrogatepass",
            ext_hook=lambda code, data: seen.add(code),
        )
    assert seen == set(codes.MODULE_OF)


def test_another_version_is_named() -> None:
    with pytest.raises(DecodeError, match="version 2"):
        decode(sealed(b"\xc0", version=2))


examples = st.sampled_from(sorted(STORED)).map(lambda name: bytes.fromhex(STORED[name]))


@given(examples, st.data())
@settings(max_examples=300, deadline=None)
def test_every_damage_is_noticed(stored: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(stored) - 1))
    flipped = bytearray(stored)
    flipped[position] ^= data.draw(st.integers(1, 255))
    for damaged in (flipped, stored[:position], stored + stored[: position + 1]):
        with pytest.raises(DecodeError):
            decode(damaged)


def read_or_refuse(data: bytes) -> None:
    with suppress(DecodeError):
        decode(data)


@given(examples, st.data())
@settings(max_examples=800, deadline=None)
def test_damage_with_a_fitting_checksum_is_a_value_or_a_decode_error(
    stored: bytes, data: st.DataObject
) -> None:
    body = bytearray(stored[1:-4])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(sealed(bytes(body)))
    read_or_refuse(sealed(bytes(body[: data.draw(st.integers(0, len(body)))])))


@given(st.binary())
@settings(max_examples=300)
def test_noise_is_a_value_or_a_decode_error(noise: bytes) -> None:
    read_or_refuse(noise)
    read_or_refuse(sealed(noise))


@given(st.sampled_from(sorted(codes.MODULE_OF)), st.data())
@settings(max_examples=300, deadline=None)
def test_structures_of_wrong_parts_are_a_value_or_a_decode_error(
    code: int, data: st.DataObject
) -> None:
    scalars = st.none() | st.integers() | st.text() | st.binary() | st.floats()
    parts = data.draw(st.lists(st.recursive(scalars, st.lists), max_size=6))
    try:
        body = msgpack.packb([msgpack.ExtType(code, b""), *parts])
    except OverflowError:
        return
    read_or_refuse(sealed(body))
    read_or_refuse(sealed(msgpack.packb(msgpack.ExtType(code, data.draw(st.binary())))))


def test_a_mark_outside_its_structure_is_refused() -> None:
    mark = msgpack.ExtType(codes.TUPLE, b"")
    for value in (mark, [1, mark], {"k": mark}, {mark: 1}, [mark, mark], [[mark], mark]):
        with pytest.raises(DecodeError):
            decode(sealed(msgpack.packb(value)))


def test_an_unknown_code_is_named() -> None:
    with pytest.raises(DecodeError, match="unknown kind 127"):
        decode(sealed(msgpack.packb(msgpack.ExtType(127, b""))))


BOMBS = """
import resource, sys, time, zlib
from io import BytesIO
import msgpack, numpy, pandas
from PIL import Image
from sessionstate.codec import DecodeError, codes, decode

def mark(code): return msgpack.ExtType(code, b"")
def array(descr, shape, data=b""): return [mark(codes.NDARRAY), descr, shape, "C", data]
png = BytesIO()
Image.new("1", (30000, 30000)).save(png, "PNG")
image = [mark(codes.IMAGE), "1", [mark(codes.TUPLE), 30000, 30000], None, {}, png.getvalue()]
small = [mark(codes.IMAGE), "1", [mark(codes.TUPLE), 3, 3], None, {}, png.getvalue()]
bodies = [
    (b"\\xdd" + (4_000_000).to_bytes(4, "big")) * 1000 + bytes(4_000_000),
    (b"\\xdf" + (4_000_000).to_bytes(4, "big")) * 1000 + bytes(4_000_000),
    b"\\xdd\\xff\\xff\\xff\\xff",
    b"\\xc6\\xff\\xff\\xff\\xff",
    b"\\x91" * 100_000 + b"\\xc0",
    *map(msgpack.packb, [
        array("<f8", [10**6, 10**6]), array("|V0", [10**12]), array("|S0", [10**10]),
        array("<f8", [2**62, 4]), array("<f8", [-1]), array("|S2000000000", [0, 5]),
        array("|O", [1], bytes(8)), image, small,
    ]),
]
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for number, body in enumerate(bodies):
    data = b"\\x01" + body
    start = time.perf_counter()
    try:
        value = decode(data + zlib.crc32(data).to_bytes(4, "big"))
    except DecodeError:
        value = None
    assert value is None or value.size == 0, number
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1024
    assert grown < 200, (number, grown)
    assert time.perf_counter() - start < 10, number
"""


def test_bombs_are_refused_in_little_memory() -> None:
    subprocess.run([sys.executable, "-c", BOMBS], check=True)
