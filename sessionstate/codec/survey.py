"""One look through a value before it is packed."""

from itertools import chain
from typing import Any

from msgpack import ExtType, Timestamp

from .builtin import Bytes
from .errors import EncodeError, type_name

# As many as MessagePack's reader takes.
MAX_DEPTH = 1024
# More than any session holds. It stops values that contain themselves many times over
# (x = [x, x], forty times), which would never end.
MAX_ITEMS = 1 << 24
TOO_DEEP = "it is nested too deeply, or contains itself"
# MessagePack would write these, and they would come back as something else.
_MISTAKEN = frozenset((memoryview, ExtType, Timestamp))


def survey(value: Any) -> set[type]:
    """The types found in `value`, through lists, dicts, tuples and sets.

    Goes level by level, because that is a few calls into C for each level instead of some for
    each item.
    """
    types: set[type] = set()
    level, depth, items = [value], 0, 0
    while level:
        here = set(map(type, level))
        types |= here
        inner: list[Any] = []
        for kind in here & {list, tuple, set, frozenset}:
            inner.extend(part for part in level if type(part) is kind)
        if dict in here:
            dicts = [part for part in level if type(part) is dict]
            inner.extend(dicts)
            inner.extend(map(dict.values, dicts))
        items += sum(map(len, inner))
        depth += 1
        if depth > MAX_DEPTH + 1 or items > MAX_ITEMS:
            raise EncodeError.of(value, TOO_DEEP)
        level = list(chain.from_iterable(inner))
    if mistaken := types & _MISTAKEN:
        name = type_name(mistaken.pop())
        raise EncodeError(name, f"a {name} cannot be stored; store bytes")
    return types


def prepare(value: Any) -> Any:
    """`value` in a form whose parts MessagePack tells apart."""
    return _mark_bytearrays(value) if bytearray in survey(value) else value


def _mark_bytearrays(value: Any) -> Any:
    kind = type(value)
    if kind is bytearray:
        return Bytes(value)
    if kind is list or kind is tuple:
        return kind(map(_mark_bytearrays, value))
    if kind is dict:
        return {key: _mark_bytearrays(part) for key, part in value.items()}
    return value
