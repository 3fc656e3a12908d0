"""Python values to bytes and back, as what they were.

The bytes are: one byte of version, MessagePack with the extensions of `codes`, four bytes of CRC-32
over all before. Equal values give equal bytes. Reading never executes code named by the data, and
damage of any kind is a DecodeError.
"""

import zlib
from typing import Any

from .atomic import is_atomic
from .errors import CodecError, DecodeError, EncodeError
from .packing import pack
from .registry import storable
from .unpacking import unpack

__all__ = ["CodecError", "DecodeError", "EncodeError", "decode", "encode", "is_atomic", "storable"]

VERSION = 1
_VERSION = bytes((VERSION,))
_CHECKSUM_SIZE = 4


def encode(value: Any) -> bytes:
    body = pack(value)
    checksum = zlib.crc32(body, zlib.crc32(_VERSION))
    return b"".join((_VERSION, body, checksum.to_bytes(_CHECKSUM_SIZE, "big")))


def decode(data: bytes | bytearray | memoryview) -> Any:
    try:
        return _decode(bytes(data))
    except DecodeError:
        raise
    except Exception as exc:  # numpy, Pillow and the like raise anything on damaged data
        raise DecodeError(f"it cannot be read ({type(exc).__name__})") from exc


def _decode(data: bytes) -> Any:
    if len(data) <= 1 + _CHECKSUM_SIZE:
        raise DecodeError("it is cut off")
    if data[0] != VERSION:
        raise DecodeError(f"it has version {data[0]}, and only version {VERSION} is known here")
    checksum = int.from_bytes(data[-_CHECKSUM_SIZE:], "big")
    if zlib.crc32(memoryview(data)[:-_CHECKSUM_SIZE]) != checksum:
        raise DecodeError("it is damaged: the checksum does not match")
    return unpack(data[1:-_CHECKSUM_SIZE])
