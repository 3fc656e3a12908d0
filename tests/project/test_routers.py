"""Routers that installed apps bring to the API."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.template import engines
from ninja import NinjaAPI, Router

from gradiosession.routers import add_installed

by_default, its_own = Router(), Router(auth=None, tags=["own"])


@by_default.get("/closed")
def closed(request: HttpRequest) -> None: ...


@by_default.get("/open", auth=None)
def opened(request: HttpRequest) -> None: ...


@its_own.get("/")
def own(request: HttpRequest) -> None: ...


Adds = Callable[[str], dict[str, Any]]


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch) -> Adds:
    """What is in the API when an app named `survey` has this `api_router`."""

    def add(name: str) -> dict[str, Any]:
        engines.all()  # which look at the installed apps for their tags, once
        config = SimpleNamespace(label="survey", verbose_name="Survey", api_router=name)
        monkeypatch.setattr(apps, "get_app_configs", lambda: [SimpleNamespace(), config])
        api = NinjaAPI(urls_namespace="routers")
        add_installed(api)
        return dict(api.get_openapi_schema(path_prefix="/api/")["paths"])

    return add


def test_operations_want_a_login_unless_they_say_otherwise(paths: Adds) -> None:
    found = paths(f"{__name__}.by_default")
    assert found["/api/survey/closed"]["get"]["security"]
    assert "security" not in found["/api/survey/open"]["get"]
    assert found["/api/survey/closed"]["get"]["tags"] == ["Survey"]


def test_a_router_decides_for_itself(paths: Adds) -> None:
    operation = paths(f"{__name__}.its_own")["/api/survey/"]["get"]
    assert "security" not in operation
    assert operation["tags"] == ["own"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (f"{__name__}.closed", ImproperlyConfigured),
        (f"{__name__}.missing", ImportError),
        ("survey.api.router", ImportError),
    ],
)
def test_a_name_that_leads_to_no_router_stops_the_start(
    paths: Adds, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        paths(name)
