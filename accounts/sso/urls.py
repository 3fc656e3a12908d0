from django.urls import path

from . import views
from .again import again

# The last two have allauth's names, with which it makes the addresses.
urlpatterns = [
    path("again/", again, name="account_sso_again"),
    path("<slug:provider_id>/login/", views.login, name="openid_connect_login"),
    path("<slug:provider_id>/login/callback/", views.callback, name="openid_connect_callback"),
]
