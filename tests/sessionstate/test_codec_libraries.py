"""NumPy, pandas and Pillow: exact dtypes, indexes, modes and palettes."""

from datetime import timedelta, timezone
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pandas.testing import assert_frame_equal, assert_index_equal, assert_series_equal
from PIL import Image

from sessionstate.codec import EncodeError, decode, encode

RANDOM = np.random.default_rng(7)


def again(value: Any) -> Any:
    stored = encode(value)
    result = decode(stored)
    assert encode(result) == stored
    return result


ARRAYS = [
    np.arange(6).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    np.arange(10)[::-2],
    np.broadcast_to(np.int8(1), (3, 2)),
    np.array(5),
    np.zeros((0, 3)),
    np.zeros((3, 0), dtype=">f4", order="F"),
    np.array([np.nan, -0.0, np.inf, 5e-324]),
    np.array(["", "bcd", "ü"]),
    np.array([b"a", b"bc"]),
    np.array(["2024-01-01", "NaT"], dtype="M8[D]"),
    np.array([1, 2], "m8[25s]"),
    np.array([1 + 2j], "c8"),
    np.array([1], "f2"),
    np.array([True, False]),
    np.zeros(2, "V5"),
    np.zeros(3, "V0"),
    np.ones(3, [("a", "i4"), ("b", ">f8", (2,)), ("c", [("d", "U3")])]),
    np.ones(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}-{a.shape}"[:40])
def test_an_array_comes_back_as_it_was(array: np.ndarray[Any, Any]) -> None:
    result = again(array)
    np.testing.assert_array_equal(result, array)
    assert (type(result), result.dtype, result.shape) == (np.ndarray, array.dtype, array.shape)
    assert np.array_equal(np.signbit(result), np.signbit(array)) if array.dtype == float else True
    if array.flags.fnc:
        assert result.flags.fnc
    assert result.flags.writeable and result.flags.owndata | (result.base is not None)


@given(hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, min_side=0)))
@settings(deadline=None)
def test_any_array_comes_back_as_it_was(array: np.ndarray[Any, Any]) -> None:
    if array.dtype.char in "gG":
        with pytest.raises(EncodeError, match="differs between machines"):
            encode(array)
        return
    result = again(array)
    assert (result.dtype, result.shape) == (array.dtype, array.shape)
    assert result.tobytes() == array.tobytes()


def test_gaps_between_fields_do_not_count() -> None:
    dtype = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    one, other = (np.frombuffer(fill * 32, dtype).copy() for fill in (b"\x00", b"\xff"))
    for array in (one, other):
        array["a"], array["b"] = 1, 2.0
    assert encode(one) == encode(other)


SCALARS = [
    *(np.float64(1.5), np.float32("nan"), np.int8(-3), np.uint64(2**64 - 1), np.bool_(True)),
    *(np.str_("a\0"), np.str_(""), np.bytes_(b"a\0"), np.complex64(1j), np.void(b"abc")),
    *(np.datetime64("2024-01-01"), np.datetime64("NaT"), np.timedelta64(3, "h")),
    np.ones(1, [("a", "i4"), ("b", "U2")])[0],
]


@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
def test_a_numpy_scalar_comes_back_as_it_was(scalar: np.generic) -> None:
    result = again(scalar)
    assert (type(result), result.dtype, repr(result)) == (type(scalar), scalar.dtype, repr(scalar))


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.array([object()]), "arrays of objects"),
        (np.zeros(1, [("a", "i4"), ("b", "O")]), "arrays of objects"),
        (np.zeros(1, np.longdouble), "differs between machines"),
        (np.ma.array([1], mask=[True]), "plain one"),
        (np.rec.array([(1, 2)]), "plain one"),
        (np.zeros(1, np.dtype("i4", metadata={"unit": "m"})), "metadata"),
        (np.dtype("i4"), "no way"),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_an_array_that_cannot_come_back_is_refused(array: Any, says: str) -> None:
    with pytest.raises(EncodeError, match=says):
        encode({"array": array})


COLUMNS = {
    "int": [1, 2, 3, 4],
    "uint8": np.arange(4, dtype="u1"),
    "float": [1.0, np.nan, np.inf, -0.0],
    "float32": np.arange(4, dtype="f4"),
    "bool": [True, False, True, True],
    "text": ["a", None, "c", ""],
    "objects": pd.Series([1, "a", None, np.nan], dtype=object),
    "text objects": pd.Series(["a", "b", "c", None], dtype=object),
    "lists": pd.Series([[1], [2], (3,), {4}], dtype=object),
    "missing": pd.Series([pd.Timestamp("2024", tz="UTC"), pd.NA, pd.NaT, None], dtype=object),
    "Int8": pd.array([1, None, 3, 4], dtype="Int8"),
    "UInt64": pd.array([1, None, 3, 2**64 - 1], dtype="UInt64"),
    "Float32": pd.array([1.0, None, 3.0, 4], dtype="Float32"),
    "boolean": pd.array([True, None, False, True], dtype="boolean"),
    "string": pd.array(["a", None, "b", "c"], dtype="string"),
    "category": pd.Categorical(["a", "b", None, "a"], categories=["b", "a", "z"], ordered=True),
    "int category": pd.Categorical([1, 2, 1, 2]),
    "datetime": pd.date_range("2024", periods=4),
    "seconds": pd.date_range("2024", periods=4, unit="s"),
    "zone": pd.date_range("2024-10-27", periods=4, freq="h", tz="Europe/Berlin"),
    "utc": pd.date_range("2024", periods=4, tz="UTC", unit="ns"),
    "offset": pd.date_range("2024", periods=4, tz=timezone(timedelta(hours=3))),
    "timedelta": pd.timedelta_range("1h", periods=4),
    "period": pd.period_range("2024", periods=4, freq="M"),
    "business": pd.period_range("2024", periods=4, freq="Q-FEB"),
    "interval": pd.interval_range(0, 4, closed="left"),
    "time interval": pd.interval_range(pd.Timestamp("2024"), periods=4),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_series_comes_back_as_it_was(name: str) -> None:
    series = pd.Series(COLUMNS[name], name=(name, 1))
    result = again(series)
    assert_series_equal(result, series, check_exact=True)
    assert result.dtype == series.dtype
    assert list(map(type, result)) == list(map(type, series))
    assert_series_equal(again(series[:0]), series[:0])
    assert_frame_equal(again(series.to_frame()), series.to_frame())


def test_a_frame_comes_back_as_it_was() -> None:
    frame = pd.DataFrame(COLUMNS)
    frame.attrs = {"source": ("a", 1)}
    result = again(frame)
    assert_frame_equal(result, frame, check_exact=True, check_freq=True, check_flags=True)
    assert list(result.dtypes) == list(frame.dtypes) and result.attrs == frame.attrs
    result.loc[0, "int"] = 5
    result["new"] = 1  # it is a frame of its own, not a view of stored bytes


INDEXES = [
    pd.RangeIndex(1, 10, 2, name="r"),
    pd.Index([1, 2, 3]),
    pd.Index([1.5, 2, np.nan], name=(1, 2)),
    pd.Index(["a", "b", "a"]),
    pd.Index(["a", None, 1], dtype=object),
    pd.Index([(1, 2), (3, 4)], tupleize_cols=False),
    pd.Index([], dtype=object),
    pd.Index([True, False]),
    pd.Index([1, None], dtype="Int64"),
    pd.date_range("2024", periods=3, freq="MS"),
    pd.date_range("2024-10-27", periods=3, freq="2h", tz="Europe/Berlin", unit="s"),
    pd.DatetimeIndex(["2024-01-01", "2024-01-03"]),
    pd.timedelta_range("1h", periods=3),
    pd.period_range("2024", periods=3),
    pd.interval_range(0, 3),
    pd.CategoricalIndex(["a", "b", "a"], ordered=True),
    pd.MultiIndex.from_product(
        [["a", "b"], pd.date_range("2024", periods=2, tz="UTC"), [1, None]],
        names=["x", None, ("z", 1)],
    ),
    pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])[:1],
]


@pytest.mark.parametrize("index", INDEXES, ids=lambda i: f"{type(i).__name__}-{i.dtype}")
def test_an_index_comes_back_as_it_was(index: pd.Index) -> None:
    result = again(index)
    assert_index_equal(result, index, exact=True)
    assert (result.names, getattr(result, "freq", None)) == (
        index.names,
        getattr(index, "freq", None),
    )
    rows = pd.DataFrame({"a": range(len(index))}, index=index)
    assert_frame_equal(again(rows), rows, check_index_type=True, check_freq=True)
    columns = pd.DataFrame([range(len(index))], columns=index)
    assert_frame_equal(again(columns), columns, check_column_type=True)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame(index=[1, 2]),
        pd.DataFrame(columns=["a"]),
        pd.DataFrame([[1, "x"]], columns=["a", "a"]),
        pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    ],
    ids=["empty", "rows only", "columns only", "same name twice", "flags"],
)
def test_an_odd_frame_comes_back_as_it_was(frame: pd.DataFrame) -> None:
    result = again(frame)
    assert_frame_equal(result, frame, check_column_type=True, check_flags=True)


PANDAS_SCALARS = [
    pd.Timestamp("2024", tz="Europe/Berlin"),
    pd.Timestamp("2024-10-27 02:30").replace(fold=1),
    pd.Timestamp("2024-10-27 02:30").tz_localize("Europe/Berlin", ambiguous=False),
    pd.Timestamp("2024").as_unit("s"),
    pd.Timestamp.max,
    pd.Timedelta("1h"),
    pd.Timedelta("1s").as_unit("s"),
    pd.Period("2024-01", "M"),
    pd.Interval(0, 1.5, "both"),
    pd.Interval(pd.Timestamp("2024"), pd.Timestamp("2025")),
]


@pytest.mark.parametrize("scalar", PANDAS_SCALARS, ids=repr)
def test_a_pandas_scalar_comes_back_as_it_was(scalar: Any) -> None:
    result = again(scalar)
    assert (type(result), repr(result)) == (type(scalar), repr(scalar))
    for name in ("unit", "fold", "tz", "freq", "closed"):
        assert getattr(result, name, None) == getattr(scalar, name, None)


def test_missing_values_are_the_ones_pandas_compares_by_identity() -> None:
    na, nat = again([pd.NA, pd.NaT])
    assert na is pd.NA and nat is pd.NaT


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (pd.Series(pd.arrays.SparseArray([0, 1])), "no way"),
        (pd.bdate_range("2024", periods=3, freq="C", holidays=["2024-01-02"]), "freq = None"),
        (type("Frame", (pd.DataFrame,), {})(), "no way"),
        (pd.DataFrame({"a": [object()]}), "no way"),
        (pd.DataFrame({"a": [1]}).groupby("a"), "no way"),
    ],
    ids=["sparse", "frequency", "subclass", "objects", "grouped"],
)
def test_what_pandas_cannot_keep_is_refused(value: Any, says: str) -> None:
    with pytest.raises(EncodeError, match=says):
        encode([value])


MODES = ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "F", "LA", "PA", "La"]
MODES += ["RGBa", "RGBX", "I;16", "I;16B", "I;16L"]


def image(mode: str, size: tuple[int, int] = (13, 5)) -> Image.Image:
    if mode in ("P", "PA"):
        made = Image.effect_noise(size, 90).convert("RGB").quantize(7)
        return made.convert(mode)
    made = Image.new(mode, size)
    count = len(made.tobytes())
    return Image.frombytes(mode, size, RANDOM.integers(0, 256, count, dtype="u1").tobytes())


@pytest.mark.parametrize("mode", MODES)
def test_an_image_comes_back_as_it_was(mode: str) -> None:
    original = image(mode)
    result = again(original)
    assert result == original
    assert type(result) is Image.Image
    if original.palette is not None:
        assert result.palette.mode == original.palette.mode
        assert result.palette.getdata() == original.palette.getdata()
        assert result.convert("RGBA") == original.convert("RGBA")
    result.putpixel((0, 0), original.getpixel((1, 1)))


@pytest.mark.parametrize("mode", ["RGB", "P", "1"])
@pytest.mark.parametrize("size", [(0, 0), (0, 3), (1, 1)])
def test_a_tiny_image_comes_back_as_it_was(mode: str, size: tuple[int, int]) -> None:
    original = Image.new(mode, size)
    assert again(original) == original


def test_transparency_and_palettes_with_alpha_come_back() -> None:
    colours = image("RGB").quantize(5)
    colours.info["transparency"] = 2
    alpha = image("RGBA").quantize(4)
    background = image("RGB")
    background.info["transparency"] = (1, 2, 3)
    for original in (colours, alpha, background):
        assert again(original) == original
        assert again(original).convert("RGBA") == original.convert("RGBA")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
def test_an_image_from_a_file_comes_back_with_its_pixels(format: str) -> None:
    file = BytesIO()
    image("RGB").save(file, format)
    with Image.open(file) as original:
        result = again(original)
    assert (result.mode, result.size) == (original.mode, original.size)
    assert result.convert("RGB").tobytes() == original.convert("RGB").tobytes()


def test_an_animation_is_refused() -> None:
    file = BytesIO()
    image("P").save(file, "GIF", save_all=True, append_images=[image("P"), image("P")])
    with Image.open(file) as animation, pytest.raises(EncodeError, match="several frames"):
        encode(animation)


def test_a_cut_off_image_file_is_refused() -> None:
    file = BytesIO()
    image("RGB", (200, 200)).save(file, "PNG")
    with Image.open(BytesIO(file.getvalue()[:9000])) as broken, pytest.raises(EncodeError):
        encode(broken)


def test_an_image_of_one_colour_takes_little() -> None:
    assert len(encode(Image.new("RGB", (1000, 1000), "red"))) < 20_000


def test_too_many_pixels_are_refused() -> None:
    with pytest.raises(EncodeError, match="pixels"):
        encode(Image.new("1", (8001, 8000)))


@given(st.lists(st.sampled_from(sorted(COLUMNS)), unique=True), st.integers(0, 4))
@settings(max_examples=40, deadline=None)
def test_any_part_of_a_frame_comes_back_as_it_was(names: list[str], rows: int) -> None:
    frame = pd.DataFrame(COLUMNS)[names].iloc[rows:]
    assert_frame_equal(again(frame), frame, check_exact=True, check_column_type=True)
