"""`GET /api/apps`, and `auth=session_auth` in somebody else's API."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from ninja import NinjaAPI

from accounts.api import session_auth
from sessionstate import Session
from tests.accounts.helpers import SAME_ORIGIN, bearer, by_api, by_page
from tests.servers import BASE_DIR

APPS = "/api/apps"

# What docs/guides/django-apps.md shows: `POST /cart`.
[_example] = [
    code
    for code in re.findall(
        r"^```python\n(.*?)^```",
        (BASE_DIR / "docs/guides/django-apps.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    if "session_auth" in code
]
_names: dict[str, Any] = {"__name__": "shop"}
exec(compile(_example, "django-apps.md", "exec"), _names)
shop: NinjaAPI = _names["shop"]


@shop.get("/cart", auth=session_auth)
def cart(request: HttpRequest) -> dict[str, Any]:
    return {"user": request.user.get_username(), "cart": request.auth.get("cart", [])}  # type: ignore[attr-defined]


@shop.get("/later", auth=session_auth)
async def later(request: HttpRequest) -> dict[str, Any]:
    return {"cart": await request.auth.aget("cart")}  # type: ignore[attr-defined]


urlpatterns = [path("shop/", shop.urls)]


@pytest.fixture
def shop_urls() -> Any:
    with override_settings(ROOT_URLCONF=__name__):
        yield


def slugs(client: Client) -> list[str]:
    answer = client.get(APPS)
    assert answer.status_code == 200, answer.content
    return [app["slug"] for app in answer.json()]


def test_only_the_apps_that_i_may_open(ada: User, bob: User) -> None:
    adas, bobs = slugs(by_page("ada")), slugs(by_page("bob"))
    assert set(bobs) < set(adas)
    assert "dashboard" in set(adas) - set(bobs), "which is for the group analysts"
    assert Client().get(APPS).status_code == 401


def test_an_app_says_where_it_is(ada: User) -> None:
    app = next(app for app in by_page("ada").get(APPS).json() if app["slug"] == "assistant")
    assert app["url"] == "/gradio/assistant/"
    assert app["title"]


def test_a_key_sees_the_apps_that_it_is_meant_for(ada: User) -> None:
    client = Client(headers=bearer(by_api("ada")["access"]))

    def key(**scope: Any) -> Client:
        body = json.dumps({"name": "k"} | scope)
        made = client.post("/api/keys", body, content_type="application/json").json()
        return Client(headers=bearer(made["key"]))

    assert slugs(key(apps=["assistant"])) == ["assistant"]
    assert slugs(key(apps=["nowhere"])) == []
    assert slugs(key(write=False)) == slugs(client)


def test_a_group_that_is_taken_away_takes_its_apps_with_it(ada: User) -> None:
    browser = by_page("ada")
    assert "dashboard" in slugs(browser)
    ada.groups.clear()
    assert "dashboard" not in slugs(browser)


# For other Django developers.


def test_an_operation_gets_the_session(ada: User, shop_urls: None) -> None:
    with override_settings(ROOT_URLCONF="gradiosession.urls"):
        answer, browser = by_api("ada"), by_page("ada")
    program = Client(headers=bearer(answer["access"]))
    assert program.post("/shop/cart?item=book").json() == {"cart": ["book"]}
    assert program.get("/shop/cart").json() == {"user": "ada", "cart": ["book"]}
    assert Session(answer["session_id"])["cart"] == ["book"], "the one that callbacks see"
    # The cookie will do as well, for pages of this site.
    assert browser.get("/shop/cart").json() == {"user": "ada", "cart": []}
    assert browser.post("/shop/cart?item=pen", headers=SAME_ORIGIN).status_code == 200
    assert browser.post("/shop/cart?item=pen").status_code == 403


def test_who_is_not_signed_in_is_told_so(db: None, shop_urls: None) -> None:
    for client in (Client(), Client(headers=bearer("nonsense"))):
        answer = client.get("/shop/cart")
        assert answer.status_code == 401
        assert answer.json() == {"detail": "Not authenticated"}
        assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.django_db(transaction=True)
async def test_an_async_operation_gets_it_too(shop_urls: None) -> None:
    from asgiref.sync import sync_to_async

    from tests.factories import UserFactory

    def sign_in() -> str:
        UserFactory(username="ada")
        with override_settings(ROOT_URLCONF="gradiosession.urls"):
            token: str = by_api("ada")["access"]
        return token

    token = await sync_to_async(sign_in)()
    answer = await AsyncClient().get("/shop/later", headers=bearer(token))
    assert answer.json() == {"cart": None}


def test_its_openapi_names_the_three_ways(db: None, shop_urls: None) -> None:
    document = Client().get("/shop/openapi.json").json()
    assert document["components"]["securitySchemes"].keys() == {
        "BearerTicket",
        "SessionTokenHeader",
        "SessionCookie",
    }
