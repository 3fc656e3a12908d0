from django.urls import include, path

from . import views

urlpatterns = [
    path("sessions/", views.sessions, name="account_sessions"),
    path("keys/", views.keys, name="account_keys"),
    path("keys/<int:pk>/revoke/", views.revoke, name="account_revoke_key"),
    # Before allauth's own, which lets anybody at the keyboard set a first password.
    path("password/set/", views.first_password, name="account_set_password"),
    path("two-factor/", include("allauth.mfa.urls")),
    path("connections/", include("allauth.socialaccount.urls")),
    path("oidc/", include("accounts.sso.urls")),
    path("", include("allauth.account.urls")),
]
