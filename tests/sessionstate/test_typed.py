"""Declared keys: validated on the way in, back as their type, on every backend."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
from pydantic import BaseModel, Field

from sessionstate import Session, State, UserState
from sessionstate.engine import SessionStore
from sessionstate.errors import NotStorable, Unreadable
from sessionstate.typed import TypeMismatch, declare

pytestmark = pytest.mark.usefixtures("backend")


class Item(BaseModel):
    sku: str
    price: float = 0.0


class Cart(BaseModel):
    items: list[Item] = []
    owner: str = Field("", alias="ownerName")


@dataclasses.dataclass
class Run:
    scores: np.ndarray
    steps: tuple[int, ...] = ()


class ShopSession(Session):
    limit: ClassVar[int] = 3
    _private: int = 1

    cart: Cart
    run: Run
    theme: Literal["light", "dark"] = "light"
    history: list[str] = ["welcome"]
    count: Annotated[int, Field(ge=0)] = 0


def stored(**values: Any) -> str:
    store = SessionStore()
    store.update(values)
    store.save()
    assert store.session_key
    return store.session_key


def test_a_value_is_validated_and_comes_back_as_its_type() -> None:
    key = stored()
    session = ShopSession(key)
    session["cart"] = {"items": [{"sku": "a", "price": 2}], "ownerName": "Ada"}
    assert session["cart"] == Cart(items=[Item(sku="a", price=2.0)], ownerName="Ada")
    session.run = Run(np.arange(3), (1, 2))
    session.save()
    again = ShopSession(key)
    assert again.cart == session.cart and type(again["cart"].items[0]) is Item
    assert np.array_equal(again.run.scores, np.arange(3)) and again.run.steps == (1, 2)
    assert not again.changed


def test_elsewhere_the_same_key_is_plain() -> None:
    key = stored()
    session = ShopSession(key)
    session.cart = Cart(items=[Item(sku="a")])
    session.save()
    plain = {"items": [{"sku": "a", "price": 0.0}], "owner": ""}
    assert SessionStore(key)["cart"] == Session(key)["cart"] == plain


def test_what_does_not_fit_is_refused_and_the_old_value_stays() -> None:
    key = stored(theme="dark")
    session = ShopSession(key)
    refused: list[tuple[str, Any]] = [
        *(("theme", "secret"), ("count", -1), ("count", "many"), ("cart", {"items": [{}]})),
        *(("cart", None), ("history", "text"), ("run", {"scores": [1]})),
    ]
    for name, value in refused:
        with pytest.raises(TypeMismatch, match=f"'{name}' does not fit") as caught:
            session[name] = value
        assert caught.value.key == name
        assert "secret" not in str(caught.value)
    assert not session.changed and session.theme == "dark"
    with pytest.raises(TypeMismatch):
        session.theme = "secret"  # type: ignore[assignment]


def test_a_change_inside_is_saved_or_refused() -> None:
    key = stored()
    session = ShopSession(key)
    session.cart = Cart()
    session.save()
    session.cart.items.append(Item(sku="a"))
    assert session.changed
    session.save()
    assert ShopSession(key).cart.items == [Item(sku="a")]
    session.cart.items.append("junk")  # type: ignore[arg-type]
    with pytest.raises(TypeMismatch, match=r"items\.1"):
        session.save()
    assert ShopSession(key).cart.items == [Item(sku="a")]


def test_a_default_is_read_while_nothing_is_stored() -> None:
    key = stored()
    session = ShopSession(key)
    assert (session.theme, session["theme"], session.get("count")) == ("light", "light", 0)
    assert "theme" not in session and not session.changed
    session.theme = "dark"
    session.save()
    assert ShopSession(key)["theme"] == "dark"
    del session.theme
    assert session.theme == "light"
    assert session.pop("theme") == "light" and session.pop("count") == 0


def test_a_default_that_can_change_is_of_this_session_alone() -> None:
    key, other = stored(), stored()
    session = ShopSession(key)
    session.history.append("bought")
    session.save()
    assert ShopSession(key)["history"] == ["welcome", "bought"]
    assert ShopSession(other).history == ["welcome"]


def test_a_declared_key_without_a_default_may_be_missing() -> None:
    session = ShopSession(stored())
    with pytest.raises(KeyError):
        session["cart"]
    assert session.get("cart") is None
    with pytest.raises(AttributeError, match="nothing is stored under 'cart'"):
        _ = session.cart


def test_stored_data_of_another_shape_is_unreadable_and_named() -> None:
    session = ShopSession(stored(cart=[1, 2], theme="dark", free=object.__name__))
    with pytest.raises(Unreadable, match="cart"):
        session["cart"]
    assert session["theme"] == "dark" and session["free"] == "object"


def test_undeclared_keys_stay_as_they_were() -> None:
    session = ShopSession(stored())
    session["free"] = (1, 2)
    assert session["free"] == (1, 2)
    with pytest.raises(NotStorable):
        session["free"] = Item(sku="a")


def test_atomic_keeps_the_types() -> None:
    key = stored()
    session = ShopSession(key)
    with session.atomic():
        session["cart"] = {"items": []}
        session.cart.items.append(Item(sku="a"))
    with pytest.raises(ValueError, match="give up"), session.atomic():
        session.cart.items.clear()
        raise ValueError("give up")
    assert session.cart.items == ShopSession(key).cart.items == [Item(sku="a")]


class PremiumSession(ShopSession):
    theme: Literal["light", "dark", "gold"] = "gold"
    points: int = 5


def test_a_subclass_adds_and_replaces_declarations() -> None:
    premium = PremiumSession(stored())
    assert (premium.theme, premium.points) == ("gold", 5)
    premium["theme"] = "gold"
    premium["cart"] = {}
    assert premium.cart == Cart()
    with pytest.raises(TypeMismatch):
        ShopSession(stored())["theme"] = "gold"
    assert "points" not in Session.__dict__


def test_a_key_may_be_declared_by_itself() -> None:
    class Preferences(UserState):
        pass

    declare(Preferences, "last-order", Cart, default=None)
    state = Preferences("7")
    state.load()
    assert state["last-order"] is None
    state["last-order"] = {"items": [{"sku": "a"}]}
    state.save()
    fresh = Preferences("7")
    fresh.load()
    assert fresh["last-order"] == Cart(items=[Item(sku="a")])
    assert UserState._declared == State._declared == {}


def test_a_name_of_the_session_itself_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="'save' is taken"):
        type("Broken", (Session,), {"__annotations__": {"save": int}})


def test_without_declarations_pydantic_is_not_imported() -> None:
    script = """
import sys, django
from django.conf import settings
settings.configure()
import sessionstate.typed
assert "pydantic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


class Visits(Session):
    visits: int = 0


class Theme(Session):
    theme: str


def test_one_state_may_be_seen_as_several_classes() -> None:
    session = Session(stored(notes=["a"]))
    session.load()
    notes = session["notes"]
    session["cart"] = {"items": [{"sku": "a"}]}
    shop, visits = session.seen_as(ShopSession), session.seen_as(Visits)
    assert shop.cart.items == [Item(sku="a")]
    shop.cart.items.append(Item(sku="b"))
    visits.visits += 1
    notes.append("b")
    del shop["notes"][0]
    assert session.changed
    session.save()
    again = ShopSession(session.id)
    assert [item.sku for item in again.cart.items] == ["a", "b"]
    assert (again["visits"], again["notes"]) == (1, ["b"])


def test_what_is_there_must_fit_the_class_and_classes_each_other() -> None:
    session = Session(stored())
    session.load()
    session["theme"] = "purple"
    with pytest.raises(TypeMismatch):
        session.seen_as(ShopSession)
    assert session["theme"] == "purple"
    session["theme"] = "dark"
    assert session.seen_as(ShopSession).theme == "dark"
    with pytest.raises(TypeError, match="Theme and ShopSession both declare 'theme'"):
        session.seen_as(Theme)
