"""NumPy arrays and scalars: the three fields of an .npy header (dtype, order, shape) and the data.

Not the .npy format itself, which would copy the data twice more and parse its header as Python.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.lib.recfunctions import repack_fields

from . import codes
from .errors import DecodeError, EncodeError
from .parts import Decoder, Structure

# An array of empty items takes no data, so the data's length does not bound its size.
_MOST_EMPTY_ITEMS = 1 << 24


def encode(value: Any) -> Structure | None:
    if type(value) is np.ndarray:
        descr = _describe(value)
        order: Literal["C", "F"] = "F" if value.flags.fnc else "C"
        if not value.dtype.itemsize and value.size > _MOST_EMPTY_ITEMS:
            raise EncodeError.of(value, "it has too many items without content")
        return Structure(codes.NDARRAY, [descr, value.shape, order, _data(value, order)])
    if isinstance(value, np.ndarray):
        raise EncodeError.of(value, "it is a kind of array that would come back as a plain one")
    # As text: in an array item, NULs at the end would be taken for padding.
    if type(value) is np.str_:
        return Structure(codes.NUMPY_SCALAR, ["U", str.__str__(value)])
    if type(value) is np.bytes_:
        return Structure(codes.NUMPY_SCALAR, ["S", bytes(value)])
    if isinstance(value, np.generic):
        return Structure(codes.NUMPY_SCALAR, [_describe(value), _data(value, "C")])
    return None


def _data(value: np.ndarray[Any, Any] | np.generic, order: Literal["C", "F"]) -> bytes:
    # Gaps between fields hold whatever was in memory: equal arrays would give different bytes.
    packed = value.astype(_without_gaps(value.dtype)) if value.dtype.fields else value
    return packed.tobytes(order)


def _without_gaps(dtype: np.dtype[Any]) -> np.dtype[Any]:
    packed: np.dtype[Any] = repack_fields(dtype, recurse=True) if dtype.fields else dtype
    return packed


def _describe(value: np.ndarray[Any, Any] | np.generic) -> Any:
    dtype = value.dtype
    if reason := _refusal(dtype):
        raise EncodeError.of(value, f"its dtype is {dtype}: {reason}")
    return npy.dtype_to_descr(dtype)


def _refusal(dtype: np.dtype[Any]) -> str:
    if dtype.hasobject:
        return "arrays of objects are not stored; store a list, or choose a dtype"
    if dtype.char in "gG":
        return "its layout differs between machines; use float64 or complex128"
    if dtype.metadata:
        return "metadata of a dtype is not stored"
    if dtype.type is np.record:
        return "records are not stored; use a plain structured dtype"
    if dtype.subdtype is not None:
        return _refusal(dtype.subdtype[0])
    if dtype.fields is not None:
        return next(filter(None, (_refusal(field[0]) for field in dtype.fields.values())), "")
    if npy.descr_to_dtype(npy.dtype_to_descr(dtype)) != dtype:
        return "there is no way to store it"
    return ""


def _dtype(descr: Any) -> np.dtype[Any]:
    dtype = npy.descr_to_dtype(descr)
    if _refusal(dtype):
        raise DecodeError(f"it holds an array of the unexpected dtype {dtype}")
    return dtype


def _read_array(parts: list[Any]) -> np.ndarray[Any, Any]:
    descr, shape, order, data = parts
    dtype = _dtype(descr)
    count = math.prod(shape)
    if min(shape, default=0) < 0 or order not in ("C", "F"):
        raise DecodeError("it holds an array of an impossible shape")
    stored = _without_gaps(dtype)
    if len(data) != count * stored.itemsize or (not stored.itemsize and count > _MOST_EMPTY_ITEMS):
        raise DecodeError("it holds an array whose shape does not fit its data")
    # A copy, because an array over the bytes could not be written to.
    flat = np.frombuffer(data, stored).astype(dtype) if data else np.empty(count, dtype)
    return flat.reshape(shape, order=order)


def _read_scalar(parts: list[Any]) -> np.generic:
    descr, data = parts
    if descr == "U":
        return np.str_(str.__str__(data))
    if descr == "S":
        return np.bytes_(bytes.__bytes__(data))
    scalar = _read_array([descr, (), "C", data])[()]
    assert isinstance(scalar, np.generic)
    return scalar


DECODERS: dict[int, Decoder] = {codes.NDARRAY: _read_array, codes.NUMPY_SCALAR: _read_scalar}
