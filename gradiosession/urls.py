from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [path("admin/", admin.site.urls)]
if find_spec("gradio_ui.views"):
    from gradio_ui.views import portal

    urlpatterns.append(path("", portal, name="portal"))
if find_spec("accounts") and find_spec("accounts.urls"):
    urlpatterns.append(path("accounts/", include("accounts.urls")))
if find_spec("accounts") and find_spec("accounts.api"):
    from gradiosession.api import api

    urlpatterns.append(path("api/", api.urls))
