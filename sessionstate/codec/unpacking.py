"""MessagePack to values. Nothing here runs code named by the data: a code picks from our tables."""

from importlib import import_module
from typing import Any

import msgpack

from . import builtin, codes, times
from .errors import DecodeError
from .parts import Decoder

_decoders: dict[int, Decoder] = {**builtin.DECODERS, **times.DECODERS}


class _Mark:
    """The first element of a structure, until its array is complete."""

    __slots__ = ("decode",)

    def __init__(self, decode: Decoder) -> None:
        self.decode = decode


_marks: dict[int, _Mark] = {}


def unpack(body: bytes) -> Any:
    reader = _Reader()
    value = msgpack.unpackb(
        body,
        strict_map_key=False,
        unicode_errors="surrogatepass",
        timestamp=3,
        ext_hook=reader.extension,
        # Costs a call for each list, and plain data has no structures.
        list_hook=reader.array if _has_structures(body) else None,
    )
    if reader.open:
        raise DecodeError("it holds a structure that is not one")
    return value


def _has_structures(body: bytes) -> bool:
    return b"\xc7\x00" in body


class _Reader:
    def __init__(self) -> None:
        self.open = 0

    def extension(self, code: int, data: bytes) -> Any:
        if code < codes.FIRST_STRUCTURE:
            return _decoder(code)(data)
        if data:
            raise DecodeError(f"the mark of structure {code} is not empty")
        self.open += 1
        mark = _marks.get(code)
        if mark is None:
            mark = _marks[code] = _Mark(_decoder(code))
        return mark

    def array(self, items: list[Any]) -> Any:
        if items and type(items[0]) is _Mark:
            self.open -= 1
            return items[0].decode(items[1:])
        return items


def _decoder(code: int) -> Decoder:
    if code not in _decoders:
        module = codes.MODULE_OF.get(code)
        if module is None:
            raise DecodeError(f"it holds a value of the unknown kind {code}")
        _decoders.update(import_module(module).DECODERS)
    return _decoders[code]
