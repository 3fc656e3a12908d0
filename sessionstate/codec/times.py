"""Dates and times. A zone is kept as what it was: UTC, an offset with its name, or a zone's key."""

import struct
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from . import codes
from .errors import EncodeError
from .parts import Decoder, Encoder, Leaf

_DATE = struct.Struct(">HBB")
_CLOCK = struct.Struct(">BBBIB")  # hour, minute, second, microsecond, fold
_DELTA = struct.Struct(">iiI")
_OFFSET = struct.Struct(">q")  # microseconds
_MICROSECOND = timedelta(microseconds=1)


def encode_zone(zone: tzinfo | None) -> bytes:
    if zone is None:
        return b""
    if type(zone) is timezone:
        # The only way to tell a named offset from one whose name is derived.
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        packed = _OFFSET.pack(offset // _MICROSECOND)
        return b"N" + packed + name[0].encode(errors="surrogatepass") if name else b"O" + packed
    if type(zone) is ZoneInfo and zone.key is not None:
        return b"Z" + zone.key.encode()
    raise EncodeError.of(zone, "only zoneinfo zones with a key and datetime.timezone can be stored")


def decode_zone(data: bytes) -> tzinfo | None:
    kind, rest = data[:1], data[1:]
    if not kind:
        return None
    if kind == b"Z":
        return ZoneInfo(rest.decode())
    offset = timedelta(microseconds=_OFFSET.unpack(rest[: _OFFSET.size])[0])
    name = rest[_OFFSET.size :].decode(errors="surrogatepass")
    if kind == b"N":
        return timezone(offset, name)
    if kind == b"O" and not name:
        return timezone(offset)
    raise ValueError("unknown kind of time zone")


def _clock(value: datetime | time) -> bytes:
    return _CLOCK.pack(value.hour, value.minute, value.second, value.microsecond, value.fold)


def _encode_datetime(value: datetime) -> Leaf:
    day = _DATE.pack(value.year, value.month, value.day)
    return Leaf(codes.DATETIME, day + _clock(value) + encode_zone(value.tzinfo))


def _decode_datetime(data: bytes) -> datetime:
    year, month, day = _DATE.unpack_from(data)
    hour, minute, second, microsecond, fold = _CLOCK.unpack_from(data, _DATE.size)
    zone = decode_zone(data[_DATE.size + _CLOCK.size :])
    return datetime(year, month, day, hour, minute, second, microsecond, zone, fold=fold)


def _encode_time(value: time) -> Leaf:
    return Leaf(codes.TIME, _clock(value) + encode_zone(value.tzinfo))


def _decode_time(data: bytes) -> time:
    hour, minute, second, microsecond, fold = _CLOCK.unpack_from(data)
    return time(hour, minute, second, microsecond, decode_zone(data[_CLOCK.size :]), fold=fold)


def _encode_date(value: date) -> Leaf:
    return Leaf(codes.DATE, _DATE.pack(value.year, value.month, value.day))


def _encode_timedelta(value: timedelta) -> Leaf:
    return Leaf(codes.TIMEDELTA, _DELTA.pack(value.days, value.seconds, value.microseconds))


ENCODERS: dict[type, Encoder] = {
    datetime: _encode_datetime,
    date: _encode_date,
    time: _encode_time,
    timedelta: _encode_timedelta,
}

DECODERS: dict[int, Decoder] = {
    codes.DATETIME: _decode_datetime,
    codes.DATE: lambda data: date(*_DATE.unpack(data)),
    codes.TIME: _decode_time,
    codes.TIMEDELTA: lambda data: timedelta(*_DELTA.unpack(data)),
}
