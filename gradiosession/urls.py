from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView
from django.views.i18n import set_language

from accounts.jwks import jwks
from accounts.throttle import too_many
from gradio_ui.views import portal
from gradiosession.api import api

handler429 = too_many  # allauth's limits of one address answer with it

urlpatterns = [
    path("", portal, name="portal"),
    path("", include("gradio_ui.pwa")),
    path("accounts/", include("accounts.urls")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("i18n/setlang/", set_language, name="set_language"),
    path(".well-known/jwks.json", jwks),
    # Browsers ask for it on pages that name no icon, Gradio's among them.
    path("favicon.ico", RedirectView.as_view(url=lazy(static, str)("favicon.svg"))),
]
