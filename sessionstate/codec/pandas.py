"""pandas frames, series, indexes and scalars, column by column on the NumPy codec.

Arrow's IPC format would be the ready-made way, but it changes what it carries (columns of mixed
objects are refused, frequencies and RangeIndex live in a side note, NaN and None become one) and
its package adds some 150 MB to an installation that neither Gradio nor pandas needs it for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray
from pandas.api.types import pandas_dtype
from pandas.tseries.frequencies import to_offset

from . import codes
from .errors import DecodeError, EncodeError
from .parts import Decoder, Leaf, Structure
from .times import decode_zone, encode_zone

_INDEXES = (
    *(pd.Index, pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex),
    *(pd.IntervalIndex, pd.CategoricalIndex),
)


def encode(value: Any) -> Leaf | Structure | None:
    if value is pd.NA:
        return Leaf(codes.PANDAS_NA, b"")
    if value is pd.NaT:
        return Leaf(codes.PANDAS_NAT, b"")
    kind = type(value)
    if encoder := _ENCODERS.get(kind):
        return encoder(value)
    if isinstance(value, ExtensionArray):
        return _encode_extension_array(value)
    return None


def _values(values: Any) -> Any:
    """The array of a column or index, as the part that `_array` reads: objects as a list."""
    array = values.array
    if isinstance(values.dtype, np.dtype):
        plain = np.asarray(array)
        return plain.tolist() if plain.dtype == object else plain
    return array


def _array(part: Any) -> Any:
    if type(part) is list:
        return np.fromiter(part, dtype=object, count=len(part))
    if isinstance(part, np.ndarray | ExtensionArray):
        return part
    raise DecodeError("it holds a column that is no array")


def _encode_frame(value: pd.DataFrame) -> Structure:
    columns = [_values(value.iloc[:, i]) for i in range(value.shape[1])]
    parts = [value.index, value.columns, columns]
    return Structure(codes.DATA_FRAME, [*parts, value.attrs, _unique(value)])


def _unique(value: pd.DataFrame | pd.Series[Any]) -> bool:
    return not value.flags.allows_duplicate_labels


def _read_frame(parts: list[Any]) -> pd.DataFrame:
    index, columns, arrays, attrs, unique = parts
    # Series, because of a bare array of objects a frame would guess the dtype anew.
    series = {i: _make_series(index, None, part) for i, part in enumerate(arrays)}
    frame = pd.DataFrame(series, index=index)
    frame.columns = columns
    frame.attrs = attrs
    frame.flags.allows_duplicate_labels = not unique
    return frame


def _encode_series(value: pd.Series[Any]) -> Structure:
    parts = [value.index, value.name, _values(value)]
    return Structure(codes.SERIES, [*parts, value.attrs, _unique(value)])


def _make_series(index: pd.Index[Any], name: Any, part: Any) -> pd.Series[Any]:
    array = _array(part)
    return pd.Series(array, index=index, dtype=array.dtype, name=name)


def _read_series(parts: list[Any]) -> pd.Series[Any]:
    index, name, values, attrs, unique = parts
    series = _make_series(index, name, values)
    series.attrs = attrs
    series.flags.allows_duplicate_labels = not unique
    return series


def _encode_range(value: pd.RangeIndex) -> Structure:
    return Structure(codes.INDEX, ["range", value.start, value.stop, value.step, value.name])


def _encode_multi(value: pd.MultiIndex) -> Structure:
    levels, positions = list(value.levels), [np.asarray(part) for part in value.codes]
    return Structure(codes.INDEX, ["multi", levels, positions, list(value.names)])


def _encode_index(value: pd.Index[Any]) -> Structure:
    freq = None
    if isinstance(value, pd.DatetimeIndex | pd.TimedeltaIndex) and value.freq is not None:
        freq = value.freq.freqstr
        if to_offset(freq) != value.freq:
            raise EncodeError.of(value, f"its frequency {freq} has settings; set `freq = None`")
    return Structure(codes.INDEX, ["values", _values(value), value.name, freq])


def _read_index(parts: list[Any]) -> pd.Index[Any]:
    match parts:
        case ["range", start, stop, step, name]:
            return pd.RangeIndex(start, stop, step, name=name)
        case ["multi", levels, positions, names]:
            return pd.MultiIndex(levels, positions, names=names)
        case ["values", part, name, None]:
            array = _array(part)
            return pd.Index(array, dtype=array.dtype, name=name, tupleize_cols=False)
        case ["values", part, name, str(freq)]:
            array = _array(part)
            timed = pd.TimedeltaIndex if array.dtype.kind == "m" else pd.DatetimeIndex
            return timed(array, name=name, freq=freq)
    raise DecodeError("it holds an index of an unknown kind")


def _encode_extension_array(array: Any) -> Structure:
    parts = _extension_parts(array)
    if parts is None:
        raise EncodeError.of(array, f"its dtype is {array.dtype}: there is no way to store it")
    return Structure(codes.EXTENSION_ARRAY, parts)


def _extension_parts(array: Any) -> list[Any] | None:
    dtype = array.dtype
    match array:
        case pd.arrays.IntegerArray() | pd.arrays.FloatingArray() | pd.arrays.BooleanArray():
            # What is under the mask is no part of the value.
            data = array.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
            return ["masked", data, np.asarray(array.isna())]
        case pd.Categorical():
            return ["category", np.asarray(array.codes), array.categories, array.ordered]
        case pd.arrays.DatetimeArray():
            utc = pd.DatetimeIndex(array).tz_convert(None)
            return ["zoned", np.asarray(utc), encode_zone(array.tz)]
        case pd.arrays.PeriodArray():
            return ["period", array.asi8, dtype.name]
        case pd.arrays.IntervalArray():
            return ["interval", array.left, array.right, array.closed]
    if isinstance(dtype, pd.StringDtype):
        text = array.to_numpy(dtype=object, na_value=None).tolist()
        return ["text", text, dtype.storage, dtype.na_value is pd.NA]
    return None


def _read_masked(data: Any, mask: Any) -> ExtensionArray:
    if data.dtype.kind == "b":
        return pd.arrays.BooleanArray(data, mask)
    kind = pd.arrays.FloatingArray if data.dtype.kind == "f" else pd.arrays.IntegerArray
    return kind(data, mask)


def _read_category(positions: Any, categories: Any, ordered: Any) -> ExtensionArray:
    dtype = pd.CategoricalDtype(categories, ordered)
    return pd.Categorical.from_codes(positions, dtype=dtype)


def _read_zoned(data: Any, zone: bytes) -> ExtensionArray:
    array = pd.DatetimeIndex(data).tz_localize("UTC").tz_convert(decode_zone(zone)).array
    assert isinstance(array, ExtensionArray)
    return array


def _read_text(text: list[str | None], storage: str, nullable: bool) -> ExtensionArray:
    dtype = pd.StringDtype(storage, na_value=pd.NA if nullable else np.nan)
    return pd.array(text, dtype=dtype)


_EXTENSION_READERS: dict[str, Callable[..., ExtensionArray]] = {
    "masked": _read_masked,
    "category": _read_category,
    "zoned": _read_zoned,
    "period": lambda data, name: pd.arrays.PeriodArray(data, dtype=pandas_dtype(name)),
    "interval": lambda left, right, closed: pd.arrays.IntervalArray.from_arrays(
        left, right, closed=closed
    ),
    "text": _read_text,
}


def _encode_timestamp(value: pd.Timestamp) -> Structure:
    utc = value if value.tz is None else value.tz_convert(None)
    return Structure(codes.TIMESTAMP, [utc.asm8, encode_zone(value.tz), value.fold])


def _read_timestamp(parts: list[Any]) -> Any:
    utc, zone, fold = parts
    stamp = pd.Timestamp(utc)
    if zone:
        stamp = stamp.tz_localize("UTC").tz_convert(decode_zone(zone))
    return stamp if stamp.fold == fold else stamp.replace(fold=fold)


_ENCODERS: dict[type, Callable[[Any], Structure]] = {
    pd.DataFrame: _encode_frame,
    pd.Series: _encode_series,
    pd.RangeIndex: _encode_range,
    pd.MultiIndex: _encode_multi,
    **dict.fromkeys(_INDEXES, _encode_index),
    pd.Timestamp: _encode_timestamp,
    pd.Timedelta: lambda value: Structure(codes.PANDAS_TIMEDELTA, [value.asm8]),
    pd.Period: lambda value: Structure(codes.PERIOD, [value.ordinal, value.freqstr]),
    pd.Interval: lambda value: Structure(codes.INTERVAL, [value.left, value.right, value.closed]),
}

DECODERS: dict[int, Decoder] = {
    codes.PANDAS_NA: lambda data: pd.NA,
    codes.PANDAS_NAT: lambda data: pd.NaT,
    codes.DATA_FRAME: _read_frame,
    codes.SERIES: _read_series,
    codes.INDEX: _read_index,
    codes.EXTENSION_ARRAY: lambda parts: _EXTENSION_READERS[parts[0]](*parts[1:]),
    codes.TIMESTAMP: _read_timestamp,
    codes.PANDAS_TIMEDELTA: lambda parts: pd.Timedelta(*parts),
    codes.PERIOD: lambda parts: pd.Period(ordinal=parts[0], freq=parts[1]),
    codes.INTERVAL: lambda parts: pd.Interval(*parts),
}
