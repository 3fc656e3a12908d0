"""The session's data as JSON, whole and per key."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from PIL import Image

from sessionstate import Session
from tests.accounts.helpers import bearer, by_api

DATA = "/api/session/data"


class Api:
    """A program with a token."""

    def __init__(self, user: str) -> None:
        tokens = by_api(user)
        self.session_id: str = tokens["session_id"]
        self._client = Client(headers=bearer(tokens["access"]), raise_request_exception=False)

    def get(self, key: str = "") -> Any:
        return self._client.get(DATA + (f"/{key}" if key else ""))

    def send(self, method: str, key: str = "", body: Any = None) -> int:
        path = DATA + (f"/{key}" if key else "")
        raw = body if isinstance(body, bytes) else json.dumps(body)
        answer = getattr(self._client, method)(path, raw, content_type="application/json")
        code: int = answer.status_code
        assert code == 204 or answer["Content-Type"] == "application/problem+json"
        return code


@pytest.fixture
def api(ada: User) -> Api:
    return Api("ada")


VALUES: list[Any] = [None, True, 0, -1, 2**70, 1.5, "", "ä\u2028😀", [], {}, [1, [2, {"a": None}]]]


def test_a_fresh_session_has_no_data(api: Api) -> None:
    assert api.get().json() == {}


@pytest.mark.parametrize("value", VALUES)
def test_a_value_comes_back_as_it_was_put(api: Api, value: Any) -> None:
    assert api.send("put", "key", value) == 204
    assert api.get("key").json() == value
    assert api.get().json() == {"key": value}


@pytest.mark.parametrize("key", ["a", "a b", "a/b", "ä😀", "a.b", "%2e", "..", "x" * 200])
def test_keys_may_be_odd(api: Api, key: str) -> None:
    from urllib.parse import quote

    assert api.send("put", quote(key, safe=""), 1) == 204
    assert api.get().json() == {key: 1}
    assert api.get(quote(key, safe="")).json() == 1
    assert api.send("delete", quote(key, safe="")) == 204
    assert api.get().json() == {}


def test_patch_merges_and_null_deletes(api: Api) -> None:
    api.send("put", "", {"a": 1, "b": {"x": 1, "y": {"z": 2}}, "c": 3})
    assert (
        api.send("patch", "", {"a": 2, "b": {"y": {"w": 3}, "x": None}, "c": None, "d": 4}) == 204
    )
    assert api.get().json() == {"a": 2, "b": {"y": {"z": 2, "w": 3}}, "d": 4}
    assert api.send("patch", "b", {"y": None}) == 204
    assert api.get("b").json() == {}
    assert api.send("patch", "a", {"now": "an object"}) == 204
    assert api.get("a").json() == {"now": "an object"}


def test_put_replaces_everything(api: Api) -> None:
    api.send("put", "", {"a": 1, "b": 2})
    assert api.send("put", "", {"b": 3, "n": None}) == 204
    assert api.get().json() == {"b": 3, "n": None}


def test_delete_removes(api: Api) -> None:
    api.send("put", "", {"a": 1, "b": 2})
    assert api.send("delete", "a") == 204
    assert api.send("delete", "a") == 404
    assert api.get("a").status_code == 404
    assert api.send("delete") == 204
    assert api.get().json() == {}


def test_it_is_the_session_that_callbacks_see(api: Api) -> None:
    api.send("put", "visits", 3)
    session = Session(api.session_id)
    assert session["visits"] == 3
    session["visits"] += 1
    session.save()
    assert api.get("visits").json() == 4


@pytest.mark.parametrize(
    "key",
    [
        "_auth_user_id",
        "_refresh",
        "_session_expiry",
        "_x",
        # Whoever could write these would have confirmed any address, or proved any second factor.
        "account_verified_email",
        "account_authentication_methods",
        "account_login",
        "socialaccount_states",
        "mfa.totp.secret",
    ],
)
def test_what_belongs_to_the_framework_is_out_of_reach(api: Api, key: str) -> None:
    before = dict(Session(api.session_id)._values)
    assert api.get(key).status_code == 404
    assert api.send("put", key, "x") == 422
    assert api.send("patch", key, "x") == 422
    assert api.send("patch", "", {"fine": 1, key: "x"}) == 422
    assert api.send("put", "", {"fine": 1, key: "x"}) == 422
    assert api.send("patch", "", {key: None}) == 422
    assert api.send("delete", key) == 404
    assert api.send("delete") == 204
    assert api.get().json() == {}
    assert dict(Session(api.session_id)._values) == before


def test_users_do_not_see_each_other(api: Api, bob: User) -> None:
    other = Api("bob")
    api.send("put", "secret", "ada's")
    assert other.get().json() == {}
    assert other.get("secret").status_code == 404


def test_what_json_has_no_word_for_is_described(api: Api) -> None:
    session = Session(api.session_id)
    session.update(
        array=np.zeros((2, 3)),
        table=pd.DataFrame({"a": [1], "b": [2]}),
        image=Image.new("RGB", (4, 5)),
        raw=b"\x00\xff",
        nan=float("nan"),
        day=dt.date(2026, 1, 2),
        price=Decimal("1.10"),
        pair=(1, "x"),
        nested={"list": [float("inf"), {"t": (1,)}]},
    )
    session.save()
    assert api.get().json() == {
        "array": {"$type": "numpy.ndarray", "shape": [2, 3], "dtype": "float64", "size": 6},
        "table": {
            "$type": "pandas.DataFrame",
            "shape": [1, 2],
            "columns": ["a", "b"],
            "size": 2,
        },
        "image": {"$type": "PIL.Image", "size": [4, 5], "mode": "RGB"},
        "raw": {"$type": "bytes", "length": 2},
        "nan": {"$type": "float", "text": "nan"},
        "day": {"$type": "datetime.date", "text": "2026-01-02"},
        "price": {"$type": "decimal.Decimal", "text": "1.10"},
        "pair": {"$type": "tuple", "items": [1, "x"]},
        "nested": {
            "list": [{"$type": "float", "text": "inf"}, {"t": {"$type": "tuple", "items": [1]}}]
        },
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b"nul",
        b'{"a": 1} x',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
)
def test_nonsense_is_refused(api: Api, body: bytes) -> None:
    api.send("put", "keep", 1)
    for method, key in (("put", ""), ("patch", ""), ("put", "k"), ("patch", "k")):
        assert 400 <= api.send(method, key, body) < 500
    assert api.get().json() == {"keep": 1}


@pytest.mark.parametrize("body", [[], 1, "x", None])
def test_all_data_is_an_object(api: Api, body: Any) -> None:
    assert api.send("put", "", body) == 422
    assert api.send("patch", "", body) == 422


@pytest.mark.parametrize("body", [b'"\\ud800"', b"NaN", b"[Infinity]", b"1e999"])
def test_odd_json_is_stored_or_refused_but_never_breaks(api: Api, body: bytes) -> None:
    assert api.send("put", "k", body) in {204, 400, 422}
    assert api.get().status_code == 200
    json.loads(api.get().content, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_deep_values_are_cut_for_display(api: Api) -> None:
    deep: Any = 1
    for _ in range(90):
        deep = [deep]
    assert api.send("put", "deep", deep) in {204, 422}
    assert api.get().status_code == 200


def test_too_much_is_refused_and_loses_nothing(api: Api) -> None:
    api.send("put", "keep", 1)
    with override_settings(SESSIONSTATE_MAX_BYTES=10_000):
        assert api.send("put", "big", "x" * 20_000) == 413
        assert api.send("patch", "", {"big": "x" * 20_000}) == 413
    assert api.get().json() == {"keep": 1}
