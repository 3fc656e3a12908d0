"""Marks that tell a process that its copy is old."""

from __future__ import annotations

from typing import Any

import pytest

from sessionstate import clock, revisions
from sessionstate.backends import get_backend
from sessionstate.backends.base import Backend
from sessionstate.errors import StoreUnavailable
from sessionstate.models import PendingRevocation


def mark(name: str = "a") -> bytes:
    return revisions.mark(get_backend().load(revisions.address(name)))


def test_a_mark_differs_after_each_change(backend: Backend) -> None:
    assert mark() == b""
    seen = {b""}
    for _ in range(3):
        revisions.change("a")
        seen.add(mark())
    assert len(seen) == 4
    assert mark("b") == b""


def test_a_mark_goes_when_no_copy_can_be_as_old(backend: Backend) -> None:
    revisions.change("a")
    clock.shift(revisions.LASTS - 1)
    assert mark()
    clock.shift(2)
    assert not mark()


def _fails(*_: Any, **__: Any) -> Any:
    raise StoreUnavailable("down")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_store")
def test_a_change_while_the_store_is_down_counts_before_it_serves_again(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SESSIONSTATE_BACKEND = "redis"
    before = mark()
    with monkeypatch.context() as down:
        down.setattr(type(get_backend()), "_ask", _fails)
        revisions.change("a")
    assert [row.ident for row in PendingRevocation.objects.all()] == ["a"]
    assert mark() != before
    assert not PendingRevocation.objects.exists()
