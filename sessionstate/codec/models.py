"""Registered classes, stored as the values of their fields and rebuilt by pydantic."""

from __future__ import annotations

import dataclasses
import sys
from enum import Enum
from typing import TYPE_CHECKING, Any

from . import codes, registry
from .errors import CodecError, DecodeError, EncodeError
from .packing import pack
from .parts import Decoder, Structure

if TYPE_CHECKING:
    from pydantic import TypeAdapter


_adapters: dict[type, TypeAdapter[Any]] = {}


def encode(name: str, value: Any) -> Structure:
    try:
        content = contents(value)
        again = _rebuild(type(value), content)
    except CodecError as exc:
        raise EncodeError.of(value, f"it would not be valid when read: {exc}") from None
    except RecursionError:
        raise
    except Exception as exc:  # properties and validators of the class run here
        raise EncodeError.of(value, f"its class raised {type(exc).__name__}: {exc}") from exc
    if not same(value, again):
        raise EncodeError.of(value, _difference(value, again))
    # Of the validated one, so that an int in a float's place is the same before and after.
    return Structure(codes.MODEL, [name, contents(again)])


def _difference(value: Any, again: Any) -> str:
    before, after = _fields(value, init=False) or {}, _fields(again, init=False) or {}
    name = next((name for name in before if not same(before[name], after.get(name))), "it")
    return f"{name} would come back as something else"


def _read(parts: list[Any]) -> Any:
    name, content = parts
    kind = registry.class_named(name)
    if kind is None:
        raise DecodeError(f"no class is registered as {name!r}; its module may not be imported")
    return _rebuild(kind, content)


def _rebuild(kind: type, content: Any) -> Any:
    return kind(content) if issubclass(kind, Enum) else rebuild(_adapter(kind), content)


def rebuild(adapter: TypeAdapter[Any], content: Any) -> Any:
    """What `contents` took apart, validated. CodecError when it does not fit the class."""
    from pydantic import ValidationError

    try:
        return adapter.validate_python(content, by_alias=False, by_name=True)
    except ValidationError as exc:
        # Its own text would show the values.
        raise DecodeError(explain(exc)) from None


def explain(error: Any) -> str:
    """What a pydantic ValidationError says, without the values."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        ": ".join(filter(None, (".".join(map(str, detail["loc"])), detail["msg"])))
        for detail in details
    )


def build_adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter

    # Arrays, frames and images may be declared: pydantic checks that they are what they should be.
    config = ConfigDict(arbitrary_types_allowed=True)
    if dataclasses.is_dataclass(kind) and not hasattr(kind, "__pydantic_config__"):
        setattr(kind, "__pydantic_config__", config)  # noqa: B010 - no type declares it
    try:
        try:
            return TypeAdapter(kind, config=config)
        except PydanticUserError as exc:
            if exc.code != "type-adapter-config-unused":
                raise
            return TypeAdapter(kind)  # it has a configuration of its own
    except PydanticUserError as exc:
        raise CodecError(f"pydantic cannot validate {kind}: {exc.message}") from exc


def _adapter(kind: type) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = build_adapter(kind)
    return _adapters[kind]


def contents(value: Any) -> Any:
    """`value` without its class: of registered classes further inside, the instances stay."""
    if isinstance(value, Enum):
        return value.value
    kind = type(value)
    fields = _fields(value, init=True)
    if fields is not None:
        return {name: plain(part) for name, part in fields.items()}
    if _is_root_model(value):
        return plain(value.root)
    if _is_named_tuple(value):
        return tuple(map(plain, value))
    if kind in (list, tuple, set, frozenset):
        return kind(map(plain, value))
    if kind is dict:
        return {plain(key): plain(part) for key, part in value.items()}
    return value


def plain(value: Any) -> Any:
    """`value` for a place whose type is known when it is read."""
    return contents(value) if registry.name_of(type(value)) is None else value


def same(one: Any, other: Any) -> bool:
    """Equal in type and content all through. Classes may define `==` as they like, or not."""
    if type(one) is int and type(other) is float:
        return bool(one == other)  # a float may be given as an int
    if type(one) is not type(other):
        return False
    if isinstance(one, str | int | Enum):
        return bool(one == other)
    if type(one) is float:
        return bool(one.hex() == other.hex())
    fields = _fields(one, init=False)
    if fields is not None:
        return same(fields, _fields(other, init=False))
    if _is_root_model(one):
        return same(one.root, other.root)
    if type(one) is list or isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) is dict:
        return same(list(one), list(other)) and same(list(one.values()), list(other.values()))
    if isinstance(one, set | frozenset):
        return one == other and set(map(type, one)) == set(map(type, other))
    return one is other or pack(one) == pack(other)


def _fields(value: Any, *, init: bool) -> dict[str, Any] | None:
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {part.name: getattr(value, part.name) for part in fields if part.init or not init}
    if _is_pydantic(value, "BaseModel") and not _is_root_model(value):
        names = type(value).model_fields
        return {name: getattr(value, name) for name in names} | (value.model_extra or {})
    return None


def _is_pydantic(value: Any, name: str) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(value, getattr(pydantic, name))


def _is_root_model(value: Any) -> bool:
    return _is_pydantic(value, "RootModel")


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(type(value), "_fields")


DECODERS: dict[int, Decoder] = {codes.MODEL: _read}
