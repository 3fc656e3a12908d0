"""Registered classes come back as themselves, validated, or are refused."""

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from math import isnan, nan
from typing import Any, NamedTuple

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, Json, PrivateAttr, RootModel, field_serializer
from pydantic.dataclasses import dataclass as pydantic_dataclass

from sessionstate.codec import DecodeError, EncodeError, decode, encode, registry, storable


class Colour(Enum):
    RED = "r"


class Item(BaseModel):
    sku: str
    price: Decimal = Field(alias="p")
    colour: Colour = Colour.RED
    tags: set[str] = set()


@storable("tests.level")
class Level(IntEnum):
    LOW = 1


@storable("tests.rights")
class Rights(Flag):
    READ = 1
    WRITE = 2


@storable("tests.cart")
class Cart(BaseModel):
    model_config = ConfigDict(extra="allow")

    items: list[Item]
    level: Level = Level.LOW
    note: str | None = Field(default=None, validation_alias="N")
    total: float = Field(1.5, exclude=True)
    _cache: int = PrivateAttr(3)

    @field_serializer("level")
    def for_people(self, level: Level) -> str:
        return "low"


@storable("tests.point")
class Point(NamedTuple):
    x: int
    y: float = 0.0


@storable("tests.result")
@dataclasses.dataclass
class Result:
    scores: np.ndarray
    points: list[Point]
    anything: Any = None
    ratio: float = nan
    count: int = dataclasses.field(default=0, init=False)


@storable("tests.choice")
@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Choice:
    sizes: tuple[int, ...]
    colours: frozenset[Colour]


@storable("tests.numbers")
class Numbers(RootModel[list[int]]):
    pass


@storable("tests.checked")
@pydantic_dataclass
class Checked:
    count: int


def again(value: Any) -> Any:
    stored = encode(value)
    result = decode(stored)
    assert type(result) is type(value)
    assert encode(result) == stored
    return result


def test_a_pydantic_model_comes_back_whole() -> None:
    cart = Cart(items=[Item(sku="a", p="1.50", tags={"x", "y"})], N="note", wish=("more", 1))
    cart.total = 7.0
    result = again(cart)
    assert result == cart
    assert result.items[0].price == Decimal("1.50") and result.items[0].colour is Colour.RED
    assert (result.level, result.note, result.total) == (Level.LOW, "note", 7.0)
    assert result.wish == ("more", 1)


def test_dataclasses_come_back_whole() -> None:
    result = again(Result(np.arange(3), [Point(1, 2.5)], anything={"k": (1, Point(3))}))
    assert np.array_equal(result.scores, np.arange(3)) and isnan(result.ratio)
    assert result.points == [Point(1, 2.5)] and type(result.points[0]) is Point
    assert result.anything == {"k": (1, Point(3))}
    choice = again(Choice((1, 2), frozenset({Colour.RED})))
    assert (choice.sizes, choice.colours) == ((1, 2), {Colour.RED})
    assert again(Checked(1)) == Checked(1)


@pytest.mark.parametrize(
    "value", [Level.LOW, Rights.READ | Rights.WRITE, Point(1, 2.5), Numbers([1, 2])], ids=repr
)
def test_enums_and_tuples_with_names_come_back(value: Any) -> None:
    assert again(value) == value
    assert decode(encode({"k": [value]})) == {"k": [value]}


def test_an_int_in_the_place_of_a_float_is_taken() -> None:
    result = again(Point(1, 2))
    assert result.y == 2.0 and type(result.y) is float
    assert encode(Point(1, 2)) == encode(Point(1, 2.0))


@dataclasses.dataclass
class Unregistered:
    a: int


class UnregisteredModel(BaseModel):
    a: int


@pytest.mark.parametrize(
    "value", [Unregistered(1), UnregisteredModel(a=1), Colour.RED, Item(sku="a", p=1)], ids=repr
)
def test_what_is_not_registered_is_refused_with_the_way_out(value: Any) -> None:
    with pytest.raises(EncodeError, match=f"{type(value).__name__} is not registered.*@storable"):
        encode([value])


def test_a_value_changed_against_its_type_is_refused() -> None:
    checked = Checked(1)
    checked.count = "many"  # type: ignore[assignment]
    with pytest.raises(EncodeError, match="count: Input should be a valid integer") as caught:
        encode([checked])
    assert "many" not in str(caught.value)
    with pytest.raises(EncodeError, match="scores: Input should be an instance of ndarray"):
        encode(Result([1], []))  # type: ignore[arg-type]


class Animal(BaseModel):
    name: str


class Dog(Animal):
    bark: int


@storable("tests.zoo")
class Zoo(BaseModel):
    animals: list[Animal]


@storable("tests.parsed")
class Parsed(BaseModel):
    content: Json[dict[str, int]]


@storable("tests.growing")
@dataclasses.dataclass
class Growing:
    a: int

    def __post_init__(self) -> None:
        self.a += 1


@storable("tests.failing")
@dataclasses.dataclass
class Failing:
    a: int

    def __post_init__(self) -> None:
        if self.a > 1:
            raise KeyError("private")


def test_what_would_come_back_as_something_else_is_refused() -> None:
    with pytest.raises(EncodeError, match="animals would come back as something else"):
        encode(Zoo(animals=[Dog(name="x", bark=1)]))
    with pytest.raises(EncodeError, match="content: JSON input should be"):
        encode(Parsed(content='{"a": 1}'))
    with pytest.raises(EncodeError, match="a would come back as something else"):
        encode(Growing(1))
    failing = Failing(1)
    failing.a = 2
    with pytest.raises(EncodeError, match="its class raised KeyError"):
        encode(failing)
    counted = Result(np.zeros(1), [])
    counted.count = 4
    with pytest.raises(EncodeError, match="count would come back as something else"):
        encode(counted)


def test_a_cyclic_model_is_refused() -> None:
    result = Result(np.zeros(1), [])
    result.anything = result
    with pytest.raises(EncodeError, match="contains itself"):
        encode(result)


@pytest.fixture
def versions() -> Iterator[Any]:
    """Registers a class under one name, as releases of an app do one after the other."""

    def release(kind: type) -> type:
        registry._classes.pop("tests.release", None)
        return storable("tests.release")(kind)

    yield release
    registry._classes.pop("tests.release", None)


def test_stored_instances_follow_the_class(versions: Any) -> None:
    class First(BaseModel):
        count: int
        old: str = ""

    class Second(BaseModel):
        count: float
        new: list[int] = [1]

    class Third(BaseModel):
        count: list[str]

    versions(First)
    stored = encode(First(count=3))
    versions(Second)
    result = decode(stored)
    assert type(result) is Second and (result.count, result.new) == (3.0, [1])
    versions(Third)
    with pytest.raises(DecodeError, match="count: Input should be a valid list"):
        decode(stored)


def test_a_class_that_is_gone_is_a_decode_error(versions: Any) -> None:
    stored = encode(versions(dataclasses.make_dataclass("Gone", [("a", int)]))(1))
    registry._classes.pop("tests.release")
    with pytest.raises(DecodeError, match=r"no class is registered as 'tests\.release'"):
        decode(stored)


def test_a_name_belongs_to_one_class() -> None:
    with pytest.raises(ValueError, match=r"'tests\.cart' is the name of .*Cart"):
        storable("tests.cart")(Animal)
    assert storable("tests.cart")(Cart) is Cart  # again, as when a module is reloaded
