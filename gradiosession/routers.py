"""Routers of installed apps, at `/api/<app label>/`. An app names its own in its AppConfig:

class FeedbackConfig(AppConfig):
    name = "feedback"
    api_router = "feedback.api.router"
"""

from __future__ import annotations

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from ninja import NinjaAPI, Router
from ninja.constants import NOT_SET

from accounts.api import session_auth


def add_installed(api: NinjaAPI) -> None:
    """Operations are for people who are signed in, unless they or their router say `auth=`.

    Raises ImportError or ImproperlyConfigured for a name that leads to no router: a part of the
    API that is silently missing would be found by its users.
    """
    for config in apps.get_app_configs():
        if name := getattr(config, "api_router", None):
            router = import_string(name)
            if not isinstance(router, Router):
                raise ImproperlyConfigured(
                    f"{type(config).__qualname__}.api_router: {name!r} is no ninja.Router."
                )
            auth = session_auth if router.auth is NOT_SET else NOT_SET
            tags = None if router.tags else [str(config.verbose_name)]
            api.add_router(f"/{config.label}", router, auth=auth, tags=tags)
