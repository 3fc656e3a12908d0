from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from allauth.account import app_settings

        from sessionstate.codec import storable

        from . import changes, checks, programs, trail, verifiers, visitors, watch  # noqa: F401

        changes.watch()

        # allauth keeps one in the session of somebody who is half signed in.
        storable("allauth.EmailVerificationMethod")(app_settings.EmailVerificationMethod)
