"""Values and keys at the edge: stored exactly, or refused by a named error and nothing changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings

from sessionstate import Session
from sessionstate.backends.base import Backend
from sessionstate.codec import encode
from sessionstate.engine import SessionStore
from sessionstate.errors import NotStorable, StateTooLarge

pytestmark = pytest.mark.usefixtures("backend")

MEGABYTES = 1024 * 1024
raised = override_settings(SESSIONSTATE_MAX_BYTES=64 * MEGABYTES)


def session(**values: Any) -> Session:
    store = SessionStore()
    store["_auth_user_id"] = "7"
    store.update(values)
    store.save()
    assert store.session_key
    return Session(store.session_key)


def stored(state: Session) -> dict[str, Any]:
    return dict(Session(state.id))


def nested(depth: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = "core"
    for _ in range(depth):
        value = wrap(value)
    return value


def cyclic_list() -> Any:
    value: list[Any] = [1]
    value.append({"again": value})
    return value


def cyclic_dict() -> Any:
    value: dict[str, Any] = {}
    value["self"] = (1, [value])
    return value


LARGE = pytest.mark.parametrize(
    "value", [b"\x00\xff" * (5 * MEGABYTES), "é" * (5 * MEGABYTES)], ids=["bytes", "text"]
)


@LARGE
def test_ten_megabytes_are_refused_whole(value: Any) -> None:
    state = session(old=1)
    state["big"], state["old"] = value, 2
    with pytest.raises(StateTooLarge) as refused:
        state.save()
    assert refused.value.size > 10 * MEGABYTES
    with pytest.raises(StateTooLarge), state.atomic():
        pass
    assert stored(state) == {"old": 1}


@LARGE
@raised
def test_ten_megabytes_are_stored_exactly_within_a_larger_limit(value: Any) -> None:
    state = session(old=1)
    state["big"] = value
    state.save()
    state["old"] = 2
    state.save()
    assert stored(state) == {"old": 2, "big": value}
    del state["big"]
    state.save()
    assert stored(state) == {"old": 2}


@raised
async def test_ten_megabytes_by_the_async_twins(backend: Backend) -> None:
    store = SessionStore()
    await store.aset("big", b"x" * (10 * MEGABYTES))
    await store.asave()
    again = SessionStore(store.session_key)
    assert await again.aget("big") == b"x" * (10 * MEGABYTES)
    await again.aset("big", b"y" * (10 * MEGABYTES))
    await again.asave()
    assert await SessionStore(store.session_key).aget("big") == b"y" * (10 * MEGABYTES)


def test_numbers_that_equal_nothing_or_end_nowhere() -> None:
    state = session()
    state["numbers"] = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 10**400, {"nan": math.nan}]
    state.save()
    (nan, inf, negative, zero, tiny, large, inner) = stored(state)["numbers"]
    assert math.isnan(nan) and math.isnan(inner["nan"])
    assert (inf, negative, tiny, large) == (math.inf, -math.inf, 5e-324, 10**400)
    assert math.copysign(1, zero) == -1
    # A NaN is not equal to itself, and still no change.
    state.load()
    assert math.isnan(state["numbers"][0])
    assert not state.changed


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\udc00\ud800", "\x00", "\u2028\ufeff"])
def test_any_text_is_a_value(text: str) -> None:
    state = session(plain=text, inside={text: [text]})
    assert stored(state) == {"plain": text, "inside": {text: [text]}}


@pytest.mark.parametrize("key", ["\ud800", "a\udfff", "", "nul\x00", "x" * 256])
def test_not_any_text_is_a_key(key: str) -> None:
    state = session(old=1)
    state["old"] = 2
    with pytest.raises(NotStorable):
        state[key] = "value"
    state.save()
    assert stored(state) == {"old": 2}


@pytest.mark.parametrize(
    "key", ["\u2028", "é" * 255, "𝔘" * 255, "a b", "%s", "'; DROP TABLE", " ", "\\", "\x7f\r\n"]
)
def test_odd_text_is_a_key_of_its_own(key: str) -> None:
    state = session(**{"other": 0, key: 1})
    state[key] += 1
    state.save()
    assert stored(state) == {"other": 0, key: 2}
    del state[key]
    state.save()
    assert stored(state) == {"other": 0}


def test_keys_are_told_apart_by_case_accent_and_space() -> None:
    keys = ["a", "A", "á", "a\u0301", "a ", "à", "ä"]
    state = session(**{key: number for number, key in enumerate(keys)})
    state["A"] = "changed"
    del state["á"]
    state.save()
    expected: dict[str, Any] = {key: number for number, key in enumerate(keys)}
    del expected["á"]
    assert stored(state) == expected | {"A": "changed"}


@pytest.mark.parametrize("key", [1, 1.5, None, True, b"k", ("a", 1), frozenset("a")], ids=repr)
def test_keys_that_are_no_text_are_refused_by_callback_and_view(key: Any) -> None:
    state = session(old=1)
    view = SessionStore(state.id)
    for face in (state, view):
        with pytest.raises(NotStorable) as refused:
            face[key] = "value"
        assert refused.value.key == key
        face["old"] += 1
        face.save()
    assert list(view.keys()) == ["_auth_user_id", "old"]
    assert stored(state) == {"old": 3}


def test_keys_inside_a_value_may_be_no_text() -> None:
    value = {1: "int", "1": "text", None: "none", 1.5: "float", b"1": "bytes", False: 0}
    state = session(old=1, value=value)
    assert encode(stored(state)["value"]) == encode(value)
    assert list(stored(state)["value"]) == list(value)


@pytest.mark.parametrize(
    "wrap",
    [lambda value: [value], lambda value: {"k": value}, lambda value: [0, {"k": value}]],
    ids=["lists", "dicts", "both"],
)
def test_deep_nesting_is_stored_exactly_or_refused_by_name(wrap: Callable[[Any], Any]) -> None:
    state = session(old=1)
    for depth in (500, 1000, 2000, 100_000):
        value = nested(depth, wrap)
        try:
            state["deep"] = value
        except NotStorable as refused:
            assert refused.key == "deep"
            assert depth > 500
            break
        state.save()
        assert encode(stored(state)["deep"]) == encode(value)
    else:
        pytest.fail("a hundred thousand levels were taken")
    state["old"] = 2
    state.save()
    assert stored(state)["old"] == 2


def test_a_thousand_levels_are_stored_exactly() -> None:
    value = nested(1000, lambda value: [value])
    state = session(deep=value)
    found = stored(state)["deep"]
    for _ in range(1000):
        (found,) = found
    assert found == "core"


@pytest.mark.parametrize("make", [cyclic_list, cyclic_dict])
def test_a_value_that_contains_itself_is_refused(make: Callable[[], Any]) -> None:
    state = session(old=1, value=["old"])
    with pytest.raises(NotStorable, match="value"):
        state["value"] = make()
    state["old"] = 2
    state.save()
    assert stored(state) == {"old": 2, "value": ["old"]}


def test_a_stored_value_made_to_contain_itself_is_found_by_the_save() -> None:
    state = session(old=1, value=["old"])
    state["value"].append(state["value"])
    state["old"] = 2
    with pytest.raises(NotStorable, match="value"):
        state.save()
    with pytest.raises(NotStorable, match="value"), state.atomic():
        pass
    assert stored(state) == {"old": 1, "value": ["old"]}


@raised
def test_a_hundred_thousand_keys() -> None:
    count = 100_000
    expected = {f"key-{number}": number for number in range(count)}
    state = session(**expected)
    assert stored(state) == expected
    state.load()
    assert len(state) == count

    state["key-7"], state["one more"] = "changed", True
    del state["key-8"]
    state.save()
    expected |= {"key-7": "changed", "one more": True}
    del expected["key-8"]
    fresh = Session(state.id)
    assert len(fresh) == count
    assert (fresh["key-7"], fresh["key-9"], "key-8" in fresh) == ("changed", 9, False)

    # All of them in one save: half rewritten, half removed.
    for number in range(count):
        if number % 2:
            state[f"key-{number}"] = str(number)
        else:
            state.pop(f"key-{number}", None)
    state.save()
    assert stored(state) == {"one more": True} | {
        f"key-{number}": str(number) for number in range(1, count, 2)
    }
    assert fresh.info is not None and fresh.info.size > 10 * count


@override_settings(SESSIONSTATE_MAX_BYTES=100_000)
def test_too_many_keys_are_refused_whole() -> None:
    state = session(old=1)
    state.update({f"key-{number}": number for number in range(20_000)})
    with pytest.raises(StateTooLarge):
        state.save()
    assert stored(state) == {"old": 1}
