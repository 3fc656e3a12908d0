class CodecError(Exception):
    """A value cannot be turned into bytes or back; `reason` is a sentence without session data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EncodeError(CodecError):
    """`type_name` is the type of the part at fault, which may lie deep inside the value."""

    def __init__(self, type_name: str, reason: str) -> None:
        super().__init__(reason)
        self.type_name = type_name

    def __str__(self) -> str:
        return f"{self.type_name}: {self.reason}"

    @classmethod
    def of(cls, value: object, reason: str) -> "EncodeError":
        return cls(type_name(type(value)), reason)


class DecodeError(CodecError):
    pass


def type_name(kind: type) -> str:
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
