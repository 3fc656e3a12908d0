"""What the encoders of the types hand to the packer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Leaf:
    code: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Structure:
    code: int
    parts: list[Any]


Encoder = Callable[[Any], Leaf | Structure]
# A leaf's decoder gets its bytes, a structure's the list of its parts.
Decoder = Callable[[Any], Any]
