"""Values of Python itself: what goes in comes out, in value and in type."""

import math
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.utils.functional import lazystr
from django.utils.safestring import mark_safe
from hypothesis import given, settings
from hypothesis import strategies as st
from msgpack import ExtType, Timestamp

from sessionstate.codec import DecodeError, EncodeError, decode, encode, is_atomic

BERLIN = ZoneInfo("Europe/Berlin")
PLUS_THREE = timezone(timedelta(hours=3))
Point = namedtuple("Point", "x y")


class Level(IntEnum):
    LOW = 1


def identical(one: Any, other: Any) -> bool:
    """Equal and of the same types all through; NaN is NaN, -0.0 is not 0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(identical, one, other))
    if isinstance(one, dict):
        return identical(list(one.items()), list(other.items()))
    if isinstance(one, set | frozenset):
        return encode(one) == encode(other) and len(one) == len(other)
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(other)) or repr(one) == repr(other)
    if isinstance(one, Decimal):
        return str(one) == str(other)
    if isinstance(one, datetime | time):
        zones = type(one.tzinfo) is type(other.tzinfo) and str(one.tzinfo) == str(other.tzinfo)
        return (
            zones
            and one.replace(tzinfo=None) == other.replace(tzinfo=None)
            and (one.fold == other.fold)
        )
    return bool(one == other)


VALUES = [
    *(None, True, False, 0, 1, -1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**400, -(10**400)),
    *(0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 5e-324, complex(-0.0, math.inf)),
    *(
        "",
        "a\x00b",
        "ü€😀",
        "\ud800",
        "\ud83d\ude00",
        b"",
        b"\x00\xff",
        bytearray(b"ab"),
        bytearray(),
    ),
    *([], {}, (), set(), frozenset(), [[]], [()], ((),), (1, (2, [3, (4,)])), {"a": (1,)}),
    *({1, 2, 3}, {"b", "a"}, {1, "a", None, (1, 2), b"x", 2.5}, {frozenset({1}), frozenset()}),
    *({1: "int", "1": "str", None: 0, 2.5: 1, b"k": 2, (1, "a"): 3, frozenset({1}): 4},),
    *({True: "t", 0: "f"}, {"z": 1, "a": 2}, OrderedDict(b=1, a=[bytearray(b"x")])),
    *([bytearray(b"x"), b"x", {"k": (bytearray(b"y"),)}],),
    *(
        date.min,
        date.max,
        time(1, 2, 3, 4, fold=1),
        time(1, tzinfo=UTC),
        timedelta(microseconds=-1),
    ),
    *(timedelta.min, timedelta.max, datetime.min, datetime.max, datetime(2024, 5, 6, 7, 8, 9, 10)),
    *(datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1)),
    *(datetime(2024, 1, 1, tzinfo=zone) for zone in (UTC, PLUS_THREE, ZoneInfo("UTC"))),
    datetime(1900, 1, 1, tzinfo=timezone(timedelta(hours=-5, microseconds=-3), "Küste")),
    *map(Decimal, ("0", "-0", "1.10", "1E+20", "NaN", "-NaN12", "sNaN", "Infinity", "-Infinity")),
    *(UUID(int=0), UUID(int=2**128 - 1), Path("a/b"), Path("/"), Path(), PurePosixPath("/ü")),
    *(PureWindowsPath("c:/x"), Path("not-utf-8-\udcff")),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda v: type(v).__name__)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    for case in (value, [value], {"k": value}, (value, value)):
        again = decode(encode(case))
        assert identical(again, case)
        assert encode(again) == encode(case)


def test_utc_comes_back_as_the_one_utc() -> None:
    assert decode(encode(datetime(2024, 1, 1, tzinfo=UTC))).tzinfo is UTC


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters(codec=None, exclude_categories=()))
    | st.binary()
    | st.binary().map(bytearray)
    | st.decimals()
    | st.uuids()
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.datetimes(timezones=st.none() | st.just(UTC) | st.timezones())
    | st.frozensets(st.integers() | st.text() | st.tuples(st.integers(), st.booleans())),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.sets(st.integers() | st.text() | st.none())
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.text()), inner)
    ),
)


@given(plain)
@settings(max_examples=300, deadline=None)
def test_any_value_comes_back_as_it_was(value: Any) -> None:
    stored = encode(value)
    again = decode(stored)
    assert identical(again, value)
    assert encode(again) == stored


@given(st.lists(st.text() | st.integers() | st.none() | st.tuples(st.text()), unique=True))
def test_equal_sets_give_equal_bytes(items: list[Any]) -> None:
    backwards = items[::-1]
    assert encode(set(items)) == encode(set(backwards))
    assert encode(frozenset(items)) == encode(frozenset(backwards))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(
            (1, True),
            (0, False),
            (1, 1.0),
            (0.0, -0.0),
            ("a", b"a"),
            ([1], (1,)),
            ({1}, frozenset({1})),
        ),
        *((b"a", bytearray(b"a")), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (None, False)),
        *((Decimal("1.0"), Decimal("1.00")), (date(2024, 1, 1), datetime(2024, 1, 1))),
    ],
)
def test_what_differs_in_type_or_order_differs_in_bytes(one: Any, other: Any) -> None:
    assert encode(one) != encode(other)


def test_text_made_for_one_moment_is_stored_as_text() -> None:
    value = [mark_safe("<b>"), lazystr("later"), {mark_safe("key"): 1}]
    again = decode(encode(value))
    assert again == ["<b>", "later", {"key": 1}]
    assert {type(again[0]), type(again[1]), *map(type, again[2])} == {str}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (object(), "no way to store"),
        (lambda: 1, "no way to store"),
        (int, "a class"),
        (memoryview(b"x"), "store bytes"),
        (ExtType(64, b""), "cannot be stored"),
        (Timestamp(1), "cannot be stored"),
        (defaultdict(list), "subclass of dict"),
        (Counter(), "subclass of dict"),
        (deque(), "no way to store"),
        (Point(1, 2), "@storable"),
        (Level.LOW, "@storable"),
        (type("Text", (str,), {})("x"), "subclass of str"),
        (datetime(2024, 1, 1, tzinfo=type("Zone", (timezone.__base__,), {})()), "only zoneinfo"),
    ],
)
def test_what_cannot_come_back_is_refused_by_name(value: Any, says: str) -> None:
    for case in (value, [value], {"k": (value,)}):
        with pytest.raises(EncodeError, match=says) as caught:
            encode(case)
        assert caught.value.type_name.endswith(type(value).__name__) or "Zone" in str(
            caught.value.type_name
        )


def nested(depth: int, wrap: Any) -> Any:
    value = wrap(1)
    for _ in range(depth - 1):
        value = wrap(value)
    return value


@pytest.mark.parametrize(
    "wrap",
    [
        lambda v: [v],
        lambda v: (v,),
        lambda v: {"k": v},
        lambda v: {(1,): [v]},
        lambda v: [v, (v,)][:1],
    ],
    ids=["list", "tuple", "dict", "dict of list", "short list"],
)
def test_deep_nesting_is_stored_exactly_or_refused(wrap: Any) -> None:
    outcomes = set()
    for depth in (1, 400, 500, 510, 511, 512, 513, 1000, 1022, 1023, 1024, 1025, 5000):
        value = nested(depth, wrap)
        try:
            stored = encode(value)
        except EncodeError:
            outcomes.add("refused")
        else:
            assert encode(decode(stored)) == stored
            outcomes.add(depth)
    assert {1, 400, "refused"} <= outcomes


def test_a_thousand_levels_are_stored() -> None:
    for wrap in (lambda v: [v], lambda v: (v,), lambda v: {"k": v}):
        value, depth = decode(encode(nested(1000, wrap))), 0
        while value != 1:
            value, depth = (
                next(iter(value.values() if isinstance(value, dict) else value)),
                depth + 1,
            )
        assert depth == 1000


def test_nested_sets_are_bounded() -> None:
    value: Any = frozenset({1, "a"})
    for _ in range(5):
        value = frozenset({value, 1})
    assert decode(encode(value)) == value
    for _ in range(50):
        value = frozenset({value, 1})
    with pytest.raises(EncodeError, match="sets are nested deeper"):
        encode(value)


def cycles() -> list[Any]:
    in_list: list[Any] = []
    in_list.append(in_list)
    in_dict: dict[str, Any] = {}
    in_dict["self"] = {"again": in_dict}
    in_tuple: list[Any] = []
    in_tuple.append((in_tuple,))
    in_ordered: OrderedDict[str, Any] = OrderedDict()
    in_ordered["self"] = [in_ordered]
    with_bytearray: list[Any] = [bytearray(b"x")]
    with_bytearray.append(with_bytearray)
    doubling: Any = []
    for _ in range(60):
        doubling = [doubling, doubling]
    return [in_list, in_dict, in_tuple, in_ordered, with_bytearray, doubling]


@pytest.mark.parametrize("value", cycles(), ids=lambda _: "cycle")
def test_a_value_that_contains_itself_is_refused(value: Any) -> None:
    with pytest.raises(EncodeError, match="contains itself"):
        encode(value)


def test_ten_megabytes_are_stored() -> None:
    value = {"text": "ü" * 5_000_000, "bytes": bytes(5_000_000), "many": list(range(1_000_000))}
    assert decode(encode(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            True,
            1,
            1.5,
            "a",
            b"a",
            1j,
            UTC and date.today(),
            Decimal(1),
            UUID(int=1),
            Path("a"),
        ),
        *((), (1, ("a", frozenset({1}))), frozenset({(1, 2)})),
    ],
)
def test_what_cannot_change_is_atomic(value: Any) -> None:
    assert is_atomic(value)


@pytest.mark.parametrize(
    "value",
    [[], {}, set(), bytearray(), ([],), ((1, {}),), object(), tuple(range(1000)), Level.LOW],
)
def test_what_can_change_or_is_large_is_not_atomic(value: Any) -> None:
    assert not is_atomic(value)


def test_paths_keep_their_flavour() -> None:
    kinds = (Path, PurePosixPath, PureWindowsPath)
    paths: list[PurePath] = [kind("a/b") for kind in kinds]
    assert [type(path) for path in decode(encode(paths))] == [type(path) for path in paths]


def test_plain_values_import_no_heavy_library() -> None:
    script = """
import sys
from sessionstate.codec import encode, decode
decode(encode({"a": [1, (2, {3}), b"x", None, 2**70]}))
loaded = {"numpy", "pandas", "PIL", "pydantic", "django", "gradio"} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_other_things_than_bytes_are_a_decode_error() -> None:
    for data in ("text", None, 3, [b""], b"", b"\x01", object()):
        with pytest.raises(DecodeError):
            decode(data)  # type: ignore[arg-type]


def test_any_buffer_is_read() -> None:
    stored = encode([1])
    assert decode(bytearray(stored)) == decode(memoryview(stored)) == [1]
