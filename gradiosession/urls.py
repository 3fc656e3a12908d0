from django.contrib import admin
from django.urls import include, path

from gradio_ui.views import portal
from gradiosession.api import api

urlpatterns = [
    path("", portal, name="portal"),
    path("accounts/", include("accounts.urls")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
]
