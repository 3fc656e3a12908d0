"""Types of Python itself that MessagePack does not know."""

import struct
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID

from . import codes
from .parts import Decoder, Encoder, Leaf, Structure

_COMPLEX = struct.Struct(">dd")


class Bytes:
    """Stands for a bytearray while packing: MessagePack itself would write it as bytes."""

    __slots__ = ("data",)

    def __init__(self, data: bytearray) -> None:
        self.data = bytes(data)


def _encode_int(value: int) -> Leaf:
    length = value.bit_length() // 8 + 1
    return Leaf(codes.BIG_INT, value.to_bytes(length, "big", signed=True))


def _path(code: int) -> Encoder:
    def encode(value: PurePath) -> Leaf:
        return Leaf(code, str(value).encode(errors="surrogatepass"))

    return encode


def _read_path(kind: type[PurePath]) -> Decoder:
    return lambda data: kind(data.decode(errors="surrogatepass"))


def _read_ordered_dict(parts: list[Any]) -> OrderedDict[Any, Any]:
    (items,) = parts
    return OrderedDict(items)


ENCODERS: dict[type, Encoder] = {
    int: _encode_int,
    Bytes: lambda value: Leaf(codes.BYTEARRAY, value.data),
    complex: lambda value: Leaf(codes.COMPLEX, _COMPLEX.pack(value.real, value.imag)),
    Decimal: lambda value: Leaf(codes.DECIMAL, str(value).encode()),
    UUID: lambda value: Leaf(codes.UUID, value.bytes),
    type(Path()): _path(codes.PATH),
    PurePosixPath: _path(codes.PURE_POSIX_PATH),
    PureWindowsPath: _path(codes.PURE_WINDOWS_PATH),
    OrderedDict: lambda value: Structure(codes.ORDERED_DICT, [dict(value)]),
}

DECODERS: dict[int, Decoder] = {
    codes.BIG_INT: lambda data: int.from_bytes(data, "big", signed=True),
    codes.BYTEARRAY: bytearray,
    codes.COMPLEX: lambda data: complex(*_COMPLEX.unpack(data)),
    codes.DECIMAL: lambda data: Decimal(data.decode()),
    codes.UUID: lambda data: UUID(bytes=data),
    codes.PATH: _read_path(Path),
    codes.PURE_POSIX_PATH: _read_path(PurePosixPath),
    codes.PURE_WINDOWS_PATH: _read_path(PureWindowsPath),
    codes.TUPLE: tuple,
    codes.SET: set,
    codes.FROZENSET: frozenset,
    codes.ORDERED_DICT: _read_ordered_dict,
}
