"""Keys with a declared type.

    class ShopSession(Session):
        cart: Cart
        theme: Literal["light", "dark"] = "light"

What is set under a declared key is validated by pydantic, is of that type from then on, and comes
back as it: `session["cart"]` or `session.cart`. What is stored is plain: elsewhere the same key
reads as dicts and lists, unless the class is registered with `storable`.

A default is what reading gives while nothing is stored. One that can change inside (a list) is put
there by the first reading, as `collections.defaultdict` does.
"""

from __future__ import annotations

import typing
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

from sessionstate.codec import CodecError, decode, encode, is_atomic
from sessionstate.codec.models import build_adapter, explain, plain, rebuild, same
from sessionstate.errors import NotStorable
from sessionstate.mapping import Values

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_MISSING: Any = object()


class TypeMismatch(NotStorable):
    """A value does not fit the declared type of its key; the state is as it was."""

    def __init__(self, key: str, type_name: str, reason: str) -> None:
        Exception.__init__(self, f"{key!r} does not fit its declared type: {reason}")
        self.key = key
        self.type_name = type_name
        self.reason = reason


class Declaration:
    """One key of a class. As an attribute of instances it reads and writes the key."""

    def __init__(self, owner: type, key: str, kind: Any = _MISSING, default: Any = _MISSING):
        self.owner = owner
        self.key = key
        self.default = default
        self._kind = kind
        self._adapter: TypeAdapter[Any] | None = None

    @property
    def adapter(self) -> TypeAdapter[Any]:
        # Built late: an annotation may name what is defined after the class.
        if self._adapter is None:
            kind = self._kind
            if kind is _MISSING:
                kind = typing.get_type_hints(self.owner, include_extras=True)[self.key]
            self._adapter = build_adapter(kind)
        return self._adapter

    def accept(self, value: Any) -> Any:
        from pydantic import ValidationError

        try:
            return self.adapter.validate_python(value)
        except ValidationError as exc:
            raise TypeMismatch(self.key, type(value).__name__, explain(exc)) from None

    def encode(self, value: Any) -> bytes:
        """Checks again: a value may have been changed inside since it was accepted."""
        try:
            again = rebuild(self.adapter, plain(value))
        except CodecError as exc:
            raise TypeMismatch(self.key, type(value).__name__, str(exc)) from None
        if not same(value, again):
            reason = "it would come back as something else"
            raise TypeMismatch(self.key, type(value).__name__, reason)
        return encode(plain(again))

    def decode(self, data: bytes) -> Any:
        return rebuild(self.adapter, decode(data))

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        try:
            return instance[self.key]
        except KeyError:
            raise AttributeError(f"nothing is stored under {self.key!r}") from None

    def __set__(self, instance: Any, value: Any) -> None:
        instance[self.key] = value

    def __delete__(self, instance: Any) -> None:
        del instance[self.key]


class TypedKeys:
    """Base of the scopes: turns the annotations of their subclasses into declarations."""

    _declared: ClassVar[dict[str, Declaration]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._declared = {
            key: declaration
            for base in reversed(cls.__mro__)
            for key, declaration in vars(base).get("_declared", {}).items()
        }
        for name, annotation in vars(cls).get("__annotations__", {}).items():
            if name.startswith("_") or _is_class_variable(annotation):
                continue
            if any(name in vars(base) and name not in cls._declared for base in cls.__mro__[1:]):
                raise TypeError(f"{name!r} is taken by {cls.__mro__[1].__name__}: use declare()")
            declaration = Declaration(cls, name, default=vars(cls).get(name, _MISSING))
            cls._declared[name] = declaration
            setattr(cls, name, declaration)


def declare(owner: type[TypedKeys], key: str, kind: Any, *, default: Any = _MISSING) -> None:
    """Declares a key that no annotation can name, or of a scope that is there already."""
    owner._declared = owner._declared | {key: Declaration(owner, key, kind, default)}


def typed_values(owner: type[TypedKeys], values: Values) -> Values:
    """`values`, or in their place the same that know the types `owner` declares, too.

    Raises `TypeError` when they know another type of one of the keys.
    """
    known = values.declared if isinstance(values, TypedValues) else {}
    new = {key: found for key, found in owner._declared.items() if known.get(key) is not found}
    for key in new.keys() & known:
        raise TypeError(f"{owner.__name__} and {known[key].owner.__name__} both declare {key!r}")
    if not new:
        return values
    typed = TypedValues(known | new)
    typed.take_over(values, anew=new)
    return typed


class TypedValues(Values):
    __slots__ = ("declared",)

    def __init__(self, declared: dict[str, Declaration]) -> None:
        super().__init__()
        self.declared = declared

    def __getitem__(self, key: str) -> Any:
        try:
            return super().__getitem__(key)
        except KeyError:
            default = self.declared[key].default if key in self.declared else _MISSING
            if default is _MISSING:
                raise
        if is_atomic(default):
            return default
        self[key] = deepcopy(default)
        return super().__getitem__(key)

    def __delitem__(self, key: str) -> None:
        # So that `pop` of a key that has only its default works.
        declared = self.declared.get(key)
        if key in self or declared is None or declared.default is _MISSING:
            super().__delitem__(key)

    def _accept(self, key: str, value: Any) -> Any:
        return self.declared[key].accept(value) if key in self.declared else value

    def _dump(self, key: str, value: Any) -> bytes:
        return self.declared[key].encode(value) if key in self.declared else encode(value)

    def _read(self, key: str, data: bytes) -> Any:
        return self.declared[key].decode(data) if key in self.declared else decode(data)


def _is_class_variable(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.startswith(("ClassVar", "typing.ClassVar"))
    return annotation is ClassVar or typing.get_origin(annotation) is ClassVar
