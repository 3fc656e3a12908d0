"""The mapping without a store: what a save writes, and what is changed while it is on its way."""

from __future__ import annotations

from typing import Any

import pytest

from sessionstate.codec import encode
from sessionstate.mapping import Values


def values(**stored: Any) -> Values:
    return Values({key: encode(value) for key, value in stored.items()})


def test_a_saved_value_is_not_saved_again() -> None:
    state = values(a=1)
    state["a"], state["list"] = 2, [1]
    state.settle_changes(state.changes())
    assert not state.changed
    state["list"].append(2)
    assert state.changes() == {"list": encode([1, 2])}


@pytest.mark.parametrize("new", [3, [3]], ids=["atomic", "nested"])
@pytest.mark.parametrize("key", ["old", "new"])
def test_what_is_set_during_a_save_is_saved_next(key: str, new: Any) -> None:
    state = values(old=1)
    state[key] = 2
    on_its_way = state.changes()
    state[key] = state["other"] = new
    state.settle_changes(on_its_way)
    assert state.changes() == {key: encode(new), "other": encode(new)}


@pytest.mark.parametrize("key", ["old", "new"])
def test_what_is_removed_during_a_save_is_removed_next(key: str) -> None:
    state = values(old=1, untouched=1)
    state[key] = 2
    on_its_way = state.changes()
    del state[key], state["untouched"]
    state.settle_changes(on_its_way)
    assert set(state) == {"old"} - {key}
    assert state.changes() == {key: None, "untouched": None}


def test_what_is_set_again_during_its_removal_is_saved_next() -> None:
    state = values(a=1)
    del state["a"]
    on_its_way = state.changes()
    state["a"] = 1
    state.settle_changes(on_its_way)
    assert dict(state) == {"a": 1}
    assert state.changes() == {"a": encode(1)}


def test_a_record_made_anew_holds_only_what_was_left() -> None:
    state = values(kept=1, removed=1)
    del state["removed"]
    state["set"] = 2
    created = state.encoded()
    state["late"] = 3
    state.settle(created)
    assert dict(state) == {"kept": 1, "set": 2, "late": 3}
    assert state.changes() == {"late": encode(3)}
