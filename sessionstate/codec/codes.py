"""The extension codes of stored data.

Stored sessions outlive releases: a code is never reused and never changes its meaning. A new layout
of a type gets a new code, and the decoder of the old one stays.

A leaf is a MessagePack extension with the value in its bytes. A structure is an array whose first
element is an empty extension with the structure's code, followed by its parts as ordinary
MessagePack. So nothing is packed inside packed bytes: no copies, and no recursion when reading.
"""

from typing import Final

# Leaves: 0 to 63
BIG_INT: Final = 0
BYTEARRAY: Final = 1
COMPLEX: Final = 2
DECIMAL: Final = 3
DATETIME: Final = 4
DATE: Final = 5
TIME: Final = 6
TIMEDELTA: Final = 7
UUID: Final = 8
PATH: Final = 9
PURE_POSIX_PATH: Final = 10
PURE_WINDOWS_PATH: Final = 11
PANDAS_NA: Final = 32
PANDAS_NAT: Final = 33

# Structures: 64 to 127
FIRST_STRUCTURE: Final = 64
TUPLE: Final = 64
SET: Final = 65
FROZENSET: Final = 66
ORDERED_DICT: Final = 67
MODEL: Final = 72
NDARRAY: Final = 80
NUMPY_SCALAR: Final = 81
DATA_FRAME: Final = 96
SERIES: Final = 97
INDEX: Final = 98
EXTENSION_ARRAY: Final = 99
TIMESTAMP: Final = 100
PANDAS_TIMEDELTA: Final = 101
PERIOD: Final = 102
INTERVAL: Final = 103
IMAGE: Final = 112

# Which module knows a code, so that a library is imported only when one of its values is read.
_BUILTIN = "sessionstate.codec.builtin"
_TIMES = "sessionstate.codec.times"
_MODELS = "sessionstate.codec.models"
_NUMPY = "sessionstate.codec.numpy"
_PANDAS = "sessionstate.codec.pandas"
_PILLOW = "sessionstate.codec.pillow"

MODULE_OF: Final[dict[int, str]] = {
    **dict.fromkeys((BIG_INT, BYTEARRAY, COMPLEX, DECIMAL, UUID), _BUILTIN),
    **dict.fromkeys((PATH, PURE_POSIX_PATH, PURE_WINDOWS_PATH), _BUILTIN),
    **dict.fromkeys((TUPLE, SET, FROZENSET, ORDERED_DICT), _BUILTIN),
    **dict.fromkeys((DATETIME, DATE, TIME, TIMEDELTA), _TIMES),
    MODEL: _MODELS,
    **dict.fromkeys((NDARRAY, NUMPY_SCALAR), _NUMPY),
    **dict.fromkeys((PANDAS_NA, PANDAS_NAT, TIMESTAMP, PANDAS_TIMEDELTA), _PANDAS),
    **dict.fromkeys((PERIOD, INTERVAL), _PANDAS),
    **dict.fromkeys((DATA_FRAME, SERIES, INDEX, EXTENSION_ARRAY), _PANDAS),
    IMAGE: _PILLOW,
}

# The same for encoding, by the package a type comes from.
MODULE_FOR_PACKAGE: Final[dict[str, str]] = {"numpy": _NUMPY, "pandas": _PANDAS, "PIL": _PILLOW}
