"""Classes that may be stored, by a name that outlives renames and moves of the class."""

from collections.abc import Callable
from typing import TypeVar

_Class = TypeVar("_Class", bound=type)

_classes: dict[str, type] = {}
_names: dict[type, str] = {}


def storable(name: str) -> Callable[[_Class], _Class]:
    """Lets instances of a dataclass, pydantic model, enum or named tuple be stored as `name`.

    The name is what the stored data says; keep it when the class is renamed or moved. What comes
    back is validated by pydantic against the class as it is then.
    """

    def register(kind: _Class) -> _Class:
        known = _classes.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (
            kind.__module__,
            kind.__qualname__,
        ):
            raise ValueError(f"{name!r} is the name of {known.__module__}.{known.__qualname__}")
        _classes[name] = kind  # the same class again: its module was reloaded
        _names[kind] = name
        return kind

    return register


def name_of(kind: type) -> str | None:
    return _names.get(kind)


def class_named(name: str) -> type | None:
    return _classes.get(name)
