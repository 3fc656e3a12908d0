from django.urls import include, path

from . import views

urlpatterns = [
    path("sessions/", views.sessions, name="account_sessions"),
    path("", include("allauth.account.urls")),
]
