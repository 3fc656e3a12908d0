"""Values to MessagePack. Plain data is packed in C alone; Python sees only what is not plain."""

import dataclasses
import sys
from enum import Enum
from importlib import import_module
from typing import Any

import msgpack

from . import builtin, codes, registry, times
from .errors import EncodeError
from .parts import Encoder, Leaf, Structure
from .survey import TOO_DEEP, prepare

_ENCODERS: dict[type, Encoder] = {**builtin.ENCODERS, **times.ENCODERS}
_SORTABLE = frozenset((str, int, bytes))
# Every level of mixed sets packs what is in it once more, to sort it.
_MAX_SET_DEPTH = 8


def pack(value: Any) -> memoryview:
    value = prepare(value)
    try:
        try:
            return _pack(value, "strict")
        except UnicodeEncodeError:
            # Lone surrogates are rare, and allowing them slows down all other text.
            return _pack(value, "surrogatepass")
    except RecursionError:
        raise EncodeError.of(value, TOO_DEEP) from None
    except (ValueError, TypeError, OverflowError, RuntimeError, OSError) as exc:
        if "recursion limit" in str(exc):  # msgpack has no error of its own for it
            raise EncodeError.of(value, TOO_DEEP) from None
        raise EncodeError.of(value, f"it cannot be packed: {exc}") from exc


def _pack(value: Any, errors: str) -> memoryview:
    default = _Default(errors)
    # The packer goes one level deeper than the reader. The array around the value, cut off here,
    # makes them equal.
    packed = msgpack.packb([value], strict_types=True, unicode_errors=errors, default=default)
    if default.called:
        _check_shape(packed)
    return memoryview(packed)[1:]


def _check_shape(packed: bytes) -> None:
    """Python code ran while packing, so another thread may have changed what was being packed."""
    unpacker = msgpack.Unpacker(max_buffer_size=len(packed))
    unpacker.feed(packed)
    unpacker.skip()
    if unpacker.tell() != len(packed):
        raise RuntimeError("it was changed meanwhile")


class _Default:
    """Called by the packer for everything that is not plain."""

    def __init__(self, errors: str) -> None:
        self.errors = errors
        self.called = False
        self.set_depth = 0

    def __call__(self, value: Any) -> Any:
        self.called = True
        kind = type(value)
        if kind is tuple:
            return [_MARKS[codes.TUPLE], *value]
        if kind is set or kind is frozenset:
            code = codes.SET if kind is set else codes.FROZENSET
            return [_MARKS[code], *self._sorted(value)]
        part = _part(value)
        if isinstance(part, Leaf):
            return msgpack.ExtType(part.code, part.data)
        if isinstance(part, Structure):
            return [_MARKS[part.code], *prepare(part.parts)]
        return part

    def _sorted(self, value: set[Any] | frozenset[Any]) -> list[Any]:
        kinds = set(map(type, value))
        if len(kinds) == 1 and kinds <= _SORTABLE:
            return sorted(value)
        if self.set_depth == _MAX_SET_DEPTH:
            raise EncodeError.of(value, f"sets are nested deeper than {_MAX_SET_DEPTH} levels")
        self.set_depth += 1
        try:
            return sorted(value, key=self._packed)
        finally:
            self.set_depth -= 1

    def _packed(self, value: Any) -> bytes:
        packed: bytes = msgpack.packb(
            value, strict_types=True, unicode_errors=self.errors, default=self
        )
        return packed


_MARKS = {code: msgpack.ExtType(code, b"") for code in codes.MODULE_OF}


def _part(value: Any) -> Leaf | Structure | str:
    kind = type(value)
    if encoder := _ENCODERS.get(kind):
        return encoder(value)
    if name := registry.name_of(kind):
        from . import models

        return models.encode(name, value)
    package = kind.__module__.partition(".")[0]
    if module := codes.MODULE_FOR_PACKAGE.get(package):
        part: Leaf | Structure | None = import_module(module).encode(value)
        if part is not None:
            return part
    if (text := _text(value)) is not None:
        return text
    raise EncodeError.of(value, _refusal(value))


# Subclasses of str that are made for one moment; what is kept is their text.
_TEXTS = {("django.utils.safestring", "SafeString"), ("gradio.utils", "NamedString")}


def _text(value: Any) -> str | None:
    kind = type(value)
    if (kind.__module__, kind.__qualname__) in _TEXTS:
        return str.__str__(value)
    functional = sys.modules.get("django.utils.functional")
    if functional is not None and isinstance(value, functional.Promise):
        # Not yet translated: as Django's own JSON encoder does, in the language of now.
        return str.__str__(str(value))
    return None


def _refusal(value: Any) -> str:
    kind = type(value)
    if isinstance(value, type):
        return "a class cannot be stored"
    pydantic = sys.modules.get("pydantic")
    model = pydantic is not None and isinstance(value, pydantic.BaseModel)
    if (
        model
        or dataclasses.is_dataclass(kind)
        or isinstance(value, Enum)
        or (isinstance(value, tuple) and hasattr(kind, "_fields"))
    ):
        return (
            f'{kind.__qualname__} is not registered: put @storable("some.name") from '
            "sessionstate.codec on the class, or declare it as the type of the key"
        )
    bases = (bool, int, float, str, bytes, list, dict, tuple, set, frozenset)
    if base := next((base for base in bases if isinstance(value, base)), None):
        return (
            f"it is a subclass of {base.__name__} and would come back as a plain "
            f"{base.__name__}: convert it first"
        )
    return "there is no way to store this type"
